import { randomFillSync } from "node:crypto";
import { requestIdBytes } from "../transaction-log/codec/request-record.ts";
import type { RequestRecord } from "../transaction-log/transaction-logger.ts";

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

/** The initial number of slots. At most half of the slots are used. */
const slotsMin = 16;

/** Random, so that clients cannot choose ids with equal hashes. Odd, so that each bit of an id counts. */
const hashKeys = randomFillSync(new Int32Array(4)).map((key) => key | 1);

/**
 * Request records by id, which is in their first bytes: a hash table with open addressing over bytes. Records are not
 * objects, so they cost the garbage collector nothing.
 */
export class RequestTable {
  readonly #chunks: Buffer[] = [];
  /** The offset of the next record in the last chunk. */
  #end = 0;
  #bytes = 0;
  #size = 0;
  /**
   * Positions of records plus 1: the index of the chunk times `chunkBytesMax`, plus the offset in it. 0: free. They
   * address 4 GiB, more than the records of a few seconds.
   */
  #slots = new Uint32Array(slotsMin);

  /** The memory of the records, as `recordBytes` counts it. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  /** `id` may be followed by other bytes. */
  find(id: Uint8Array): RememberedRequest | undefined {
    const slot = this.#slots[this.#slotOf(id, 0)] as number;
    if (slot === 0) return undefined;
    const chunk = this.#chunkOf(slot - 1);
    const start = (slot - 1) % chunkBytesMax;
    const length = chunk.readUInt32LE(start);
    const revision = chunk.readDoubleLE(start + 4);
    return { revision, record: chunk.subarray(start + headerBytes, start + headerBytes + length) };
  }

  /** The record is copied. Its id is not in the table. */
  add(record: RequestRecord, revision: number): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#growSlots();
    const bytes = headerBytes + record.length;
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#end + bytes > chunk.length) {
      const wanted = Math.min(Math.max(this.#bytes >> 2, chunkBytesMin), chunkBytesMax);
      chunk = Buffer.allocUnsafeSlow(Math.max(wanted, bytes));
      this.#chunks.push(chunk);
      this.#end = 0;
    }
    const start = this.#end;
    chunk.writeUInt32LE(record.length, start);
    chunk.writeDoubleLE(revision, start + 4);
    chunk.set(record, start + headerBytes);
    this.#slots[this.#slotOf(record, 0)] = (this.#chunks.length - 1) * chunkBytesMax + start + 1;
    this.#end = start + bytes;
    this.#size++;
    this.#bytes += recordBytes(record.length);
  }

  /** The slot with the id at `offset` of `bytes`, or the free one where it belongs. */
  #slotOf(bytes: Uint8Array, offset: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let index = hashId(bytes, offset) & mask; ; index = (index + 1) & mask) {
      const slot = slots[index] as number;
      if (slot === 0) return index;
      const start = ((slot - 1) % chunkBytesMax) + headerBytes;
      if (hasSameId(bytes, offset, this.#chunkOf(slot - 1), start)) return index;
    }
  }

  #chunkOf(position: number): Buffer {
    return this.#chunks[Math.floor(position / chunkBytesMax)] as Buffer;
  }

  #growSlots(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(2 * before.length);
    for (const slot of before) {
      if (slot === 0) continue;
      const start = ((slot - 1) % chunkBytesMax) + headerBytes;
      this.#slots[this.#slotOf(this.#chunkOf(slot - 1), start)] = slot;
    }
  }
}

/**
 * The most memory that a record of `length` bytes takes in a table that is not small: up to a quarter of the last
 * chunk is unused, and after growth there are 4 slots for each record.
 */
export function recordBytes(length: number): number {
  return 16 + Math.ceil((headerBytes + length) * 1.25);
}

/**
 * The sum of the words of the id, each times a random number. The high bits of such a sum are the best distributed.
 */
function hashId(bytes: Uint8Array, offset: number): number {
  let hash = 0;
  for (let word = 0; word < 4; word++) {
    hash = (hash + Math.imul(wordAt(bytes, offset + 4 * word), hashKeys[word] as number)) | 0;
  }
  return (hash >>> 16) ^ hash;
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  );
}

function hasSameId(some: Uint8Array, someStart: number, other: Uint8Array, otherStart: number): boolean {
  for (let index = 0; index < requestIdBytes; index++) {
    if (some[someStart + index] !== other[otherStart + index]) return false;
  }
  return true;
}
