import { requestIdBytes } from "../transaction-log/codec/request-record.ts";
import type { RequestRecord } from "../transaction-log/transaction-logger.ts";
import { idBytesOf, type RequestId } from "./request-id.ts";

/** A request that has succeeded. */
export interface RememberedRequest {
  readonly revision: number;
  readonly record: RequestRecord;
}

/** A record is stored with its length, 4 bytes, and its revision, 8 bytes, in front. */
const headerBytes = 12;

/** Records are stored in chunks: with a larger table the waste at the end of the last one may be larger. */
const chunkBytesMin = 1024;
const chunkBytesMax = 64 * 1024;

/** The initial number of slots. A slot is a hash, and a position plus 1. At most half of the slots are used. */
const slotsMin = 16;

/**
 * Request records by id, which is in their first bytes: a hash table with open addressing over bytes. Records are not
 * objects, so they cost the garbage collector nothing.
 */
export class RequestTable {
  #chunks: Buffer[] = [];
  /** The offset of the next record in the last chunk. */
  #end = 0;
  #bytes = 0;
  #size = 0;
  /**
   * The position of a record is the index of its chunk times `chunkBytesMax`, plus the offset in it. Positions address
   * 4 GiB, more than the records of a few seconds. The hash saves the comparison with most other records.
   */
  #slots = new Uint32Array(2 * slotsMin);

  /** The memory of the records, as `recordBytes` counts it. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  find(id: RequestId): RememberedRequest | undefined {
    if (this.#size === 0) return undefined;
    const { hash } = id;
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let number = hash & mask; ; number = (number + 1) & mask) {
      const index = 2 * number;
      const slot = slots[index + 1] as number;
      if (slot === 0) return undefined;
      if (slots[index] !== hash) continue;
      const chunk = this.#chunks[Math.floor((slot - 1) / chunkBytesMax)] as Buffer;
      const start = ((slot - 1) % chunkBytesMax) + headerBytes;
      if (!hasId(chunk, start, idBytesOf(id))) continue;
      const length = chunk.readUInt32LE(start - headerBytes);
      const revision = chunk.readDoubleLE(start - 8);
      return { revision, record: chunk.subarray(start, start + length) };
    }
  }

  /** The record is copied. Its id, of which `hash` is the hash, is not in the table. */
  add(record: RequestRecord, hash: number, revision: number): void {
    if (4 * (this.#size + 1) > this.#slots.length) this.#growSlots();
    const chunk = this.#chunkFor(headerBytes + record.length);
    const start = this.#end;
    chunk.writeUInt32LE(record.length, start);
    chunk.writeDoubleLE(revision, start + 4);
    chunk.set(record, start + headerBytes);
    takeSlot(this.#slots, hash, (this.#chunks.length - 1) * chunkBytesMax + start + 1);
    this.#end = start + headerBytes + record.length;
    this.#size++;
    this.#bytes += recordBytes(record.length);
  }

  /** The last chunk, with room for so many bytes at `#end`. */
  #chunkFor(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#end + bytes <= last.length) return last;
    const wanted = Math.min(Math.max(this.#bytes >> 2, chunkBytesMin), chunkBytesMax);
    const chunk = Buffer.allocUnsafeSlow(Math.max(wanted, bytes));
    this.#chunks.push(chunk);
    this.#end = 0;
    return chunk;
  }

  #growSlots(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(2 * before.length);
    for (let index = 0; index < before.length; index += 2) {
      const slot = before[index + 1] as number;
      if (slot !== 0) takeSlot(this.#slots, before[index] as number, slot);
    }
  }
}

/**
 * The most memory that a record of `length` bytes takes in a table that is not small: up to a quarter of the last
 * chunk is unused, and after growth there are 4 slots for each record.
 */
export function recordBytes(length: number): number {
  return 32 + Math.ceil((headerBytes + length) * 1.25);
}

/** Puts a record where its hash belongs, or into the next free slot. */
function takeSlot(slots: Uint32Array, hash: number, slot: number): void {
  const mask = slots.length / 2 - 1;
  let number = hash & mask;
  while (slots[2 * number + 1] !== 0) number = (number + 1) & mask;
  slots[2 * number] = hash;
  slots[2 * number + 1] = slot;
}

function hasId(bytes: Uint8Array, start: number, id: Uint8Array): boolean {
  for (let index = 0; index < requestIdBytes; index++) {
    if (bytes[start + index] !== id[index]) return false;
  }
  return true;
}
