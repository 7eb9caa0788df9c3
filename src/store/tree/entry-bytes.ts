import { type Entry, valueBytes } from "../entry.ts";
import { recordBytes } from "../memory/record-format.ts";
import { recordClass, slotBytes, slotBytesMax } from "../memory/size-classes.ts";
import { blockBytes } from "../memory/slabs.ts";

/**
 * Bytes that an entry takes beside its record: its places in a leaf, of which two thirds are used, and in a segment of the hash
 * index, of which a little more than half is used.
 */
const placeBytes = 32;

/** Bytes that an expire time takes beside the record: an item of the heap, whose arrays are half empty, and a stale one. */
const expiryBytes = 48;

/**
 * The memory that an entry takes in the tree, in bytes, when its record takes `recordMemory`. It is what counts towards the limit
 * of the store. Blocks that are not full are not counted; see docs/store.md.
 */
export function treeEntryBytes(recordMemory: number, expires: boolean): number {
  return recordMemory + placeBytes + (expires ? expiryBytes : 0);
}

/** The same for an entry that need not be in the tree. */
export function treeBytesOf({ key, value, expireTime }: Pick<Entry, "key" | "value" | "expireTime">): number {
  const expires = expireTime !== 0;
  return treeEntryBytes(memoryOf(recordBytes(Buffer.byteLength(key), valueBytes(value), expires)), expires);
}

/** The size of the slot, or of the run of blocks, for a record of `bytes`. */
function memoryOf(bytes: number): number {
  return bytes > slotBytesMax ? Math.ceil(bytes / blockBytes) * blockBytes : slotBytes(recordClass(bytes));
}
