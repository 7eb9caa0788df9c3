import { isAsciiEntry, type MeasuredEntry, valueBytes } from "../entry.ts";
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
export function treeBytesOf(entry: MeasuredEntry): number {
  const expires = entry.expireTime !== 0;
  return treeEntryBytes(memoryOf(recordBytesOf(entry)), expires);
}

/** The bytes of the record of an entry. */
export function recordBytesOf(entry: MeasuredEntry): number {
  const { key, value, expireTime } = entry;
  const isAscii = isAsciiEntry(entry);
  const keyBytes = isAscii ? key.length : Buffer.byteLength(key);
  return recordBytes(keyBytes, isAscii ? value.length : valueBytes(value), expireTime !== 0);
}

/** The size of the slot, or of the run of blocks, for a record of `bytes`. */
function memoryOf(bytes: number): number {
  return bytes > slotBytesMax ? Math.ceil(bytes / blockBytes) * blockBytes : slotBytes(recordClass(bytes));
}
