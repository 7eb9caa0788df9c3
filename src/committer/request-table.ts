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

/** At most half of the slots are taken. */
const slotsMin = 16;

/** Random, so that nobody can choose ids that all get the same hash. Odd, so that each bit of an id counts. */
const hashKeys = randomFillSync(new Int32Array(4)).map((key) => key | 1);

/**
 * Request records by their id, which is in their first bytes: a hash table with open addressing over bytes. A record is
 * no object here, and nothing that the garbage collector has to go through.
 */
export class RequestTable {
  readonly #chunks: Buffer[] = [];
  /** Where the next record goes in the last chunk. */
  #end = 0;
  #bytes = 0;
  #size = 0;
  /**
   * Positions of records plus 1: the number of the chunk times `chunkBytesMax`, plus the place in it. 0: free. They have
   * room for 4 GiB, more than the requests of a few seconds can be.
   */
  #slots = new Uint32Array(slotsMin);

  /** What the records count, as `recordBytes` says. */
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
 * What a record of so many bytes occupies at the most in a table that is not small: a quarter may be the waste of the
 * last chunk, and after they have grown there are 4 slots for each record.
 */
export function recordBytes(length: number): number {
  return 16 + Math.ceil((headerBytes + length) * 1.25);
}

/** The sum of the words of the id, each times a random number; of a sum like that the high bits are the good ones. */
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
