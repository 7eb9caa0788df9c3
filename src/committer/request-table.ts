import { isSameId, type RequestId } from "../transaction-log/codec/request-id.ts";
import type { EntryResult, RequestRecord } from "../transaction-log/transaction-logger.ts";

/** A plain put that has succeeded. */
export interface RememberedPut {
  readonly result: EntryResult;
  /** Of the entry that it put (`hashOf`). */
  readonly hash: Int32Array;
}

/** Any other request that has succeeded. */
export interface RememberedRecord {
  readonly revision: number;
  readonly record: RequestRecord;
}

/** Copies the hash of the entry that was put, four words, to `target` at `offset`. */
export type CopyHash = (target: Int32Array, offset: number) => void;

/**
 * Requests are stored in units of 8 bytes, in chunks. Bytes of a plain put, as many as a cache line:
 *
 *      0 16  id
 *     16 16  hash
 *     32 32  revision, createRevision, version and updateTime, 64-bit floating-point numbers
 *
 * Of a record:
 *
 *      0  4  length
 *      8  8  revision, a 64-bit floating-point number
 *     16  n  record, which begins with the id
 */
const unitBytes = 8;
const putBytes = 64;
const recordStart = 16;

/** With a larger table the waste at the end of the last chunk may be larger. */
const chunkBytesMin = 2048;
const chunkUnitBits = 13;
const chunkBytesMax = unitBytes << chunkUnitBits;

/** The initial number of slots. At most half of the slots are used. */
const slotsMin = 16;

/** A slot is a hash, and this number plus twice the position: 0 is a free slot. */
const kinds = { put: 1, record: 2 } as const;

/** A chunk in three views. */
interface Chunk {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly bytes: Uint8Array;
}

/**
 * Successful requests by id: a hash table with open addressing over bytes. Requests are not objects, so they cost the
 * garbage collector nothing.
 */
export class RequestTable {
  #chunks: Chunk[] = [];
  /** The unit in the last chunk at which the next request begins. */
  #end = 0;
  #bytes = 0;
  #size = 0;
  /**
   * A position is the index of a chunk times the units of a chunk, plus a unit in it. Positions address 4 GiB, more than
   * the requests of a few seconds. The hash saves the comparison with most other requests.
   */
  #slots = new Int32Array(2 * slotsMin);

  /** The memory of the requests, as `rememberedPutBytes` and `rememberedRecordBytes` count it. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  find(id: RequestId): RememberedPut | RememberedRecord | undefined {
    if (this.#size === 0) return undefined;
    const { hash } = id;
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let number = hash & mask; ; number = (number + 1) & mask) {
      const slot = slots[2 * number + 1] as number;
      if (slot === 0) return undefined;
      if (slots[2 * number] !== hash) continue;
      const isPut = (slot & 1) === kinds.put;
      const position = (slot - (isPut ? kinds.put : kinds.record)) >> 1;
      const chunk = this.#chunks[position >> chunkUnitBits] as Chunk;
      const unit = position & ((1 << chunkUnitBits) - 1);
      const start = unit * unitBytes + (isPut ? 0 : recordStart);
      if (isSameId(idAt(chunk, start, hash), id)) return isPut ? putAt(chunk, unit) : recordAt(chunk, unit);
    }
  }

  /** Adds a plain put that is not in the table. The expire time of its entry is 0. */
  addPut(
    id: RequestId,
    revision: number,
    createRevision: number,
    version: number,
    updateTime: number,
    copyHash: CopyHash,
  ): void {
    const chunk = this.#add(id.hash, kinds.put, putBytes);
    const { words, numbers } = chunk;
    const unit = this.#end;
    const word = 2 * unit;
    words[word] = id.a;
    words[word + 1] = id.b;
    words[word + 2] = id.c;
    words[word + 3] = id.d;
    copyHash(words, word + 4);
    numbers[unit + 4] = revision;
    numbers[unit + 5] = createRevision;
    numbers[unit + 6] = version;
    numbers[unit + 7] = updateTime;
    this.#end += putBytes / unitBytes;
    this.#bytes += rememberedPutBytes;
  }

  /** Adds a request that is not in the table. The record, which begins with `id`, is copied. */
  addRecord(id: RequestId, record: RequestRecord, revision: number): void {
    const units = unitsOf(recordStart + record.length);
    const { words, numbers, bytes } = this.#add(id.hash, kinds.record, units * unitBytes);
    const unit = this.#end;
    words[2 * unit] = record.length;
    numbers[unit + 1] = revision;
    bytes.set(record, unit * unitBytes + recordStart);
    this.#end += units;
    this.#bytes += rememberedRecordBytes(record.length);
  }

  /** Takes a slot for a request that will be at `#end` of the returned chunk, which has room for it. */
  #add(hash: number, kind: 1 | 2, bytes: number): Chunk {
    if (4 * (this.#size + 1) > this.#slots.length) this.#growSlots();
    const chunk = this.#chunkFor(bytes);
    const position = ((this.#chunks.length - 1) << chunkUnitBits) + this.#end;
    takeSlot(this.#slots, hash, 2 * position + kind);
    this.#size++;
    return chunk;
  }

  #chunkFor(bytes: number): Chunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#end * unitBytes + bytes <= last.bytes.length) return last;
    const wanted = Math.min(Math.max(this.#bytes >> 2, chunkBytesMin), chunkBytesMax);
    const buffer = new ArrayBuffer(unitsOf(Math.max(wanted, bytes)) * unitBytes);
    const chunk = {
      words: new Int32Array(buffer),
      numbers: new Float64Array(buffer),
      bytes: new Uint8Array(buffer),
    };
    this.#chunks.push(chunk);
    this.#end = 0;
    return chunk;
  }

  #growSlots(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    for (let index = 0; index < before.length; index += 2) {
      const slot = before[index + 1] as number;
      if (slot !== 0) takeSlot(this.#slots, before[index] as number, slot);
    }
  }
}

/** The most memory that a plain put takes in a table that is not small. */
export const rememberedPutBytes = memoryBytes(putBytes);

/** The most memory that a record of `length` bytes takes in a table that is not small. */
export function rememberedRecordBytes(length: number): number {
  return memoryBytes(unitsOf(recordStart + length) * unitBytes);
}

/**
 * Up to a quarter of the last chunk is unused, and after growth there are 4 slots of 8 bytes for each request. The objects of
 * chunks take less than 16 bytes.
 */
function memoryBytes(bytes: number): number {
  return 48 + Math.ceil(bytes * 1.25);
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / unitBytes);
}

/** Takes the slot of a hash, or the next free one. */
function takeSlot(slots: Int32Array, hash: number, slot: number): void {
  const mask = slots.length / 2 - 1;
  let number = hash & mask;
  while (slots[2 * number + 1] !== 0) number = (number + 1) & mask;
  slots[2 * number] = hash;
  slots[2 * number + 1] = slot;
}

function idAt({ words }: Chunk, start: number, hash: number): RequestId {
  const word = start / 4;
  return {
    hash,
    a: words[word] as number,
    b: words[word + 1] as number,
    c: words[word + 2] as number,
    d: words[word + 3] as number,
  };
}

function putAt({ words, numbers }: Chunk, unit: number): RememberedPut {
  return {
    result: {
      revision: numbers[unit + 4] as number,
      createRevision: numbers[unit + 5] as number,
      version: numbers[unit + 6] as number,
      updateTime: numbers[unit + 7] as number,
      expireTime: 0,
    },
    hash: words.slice(2 * unit + 4, 2 * unit + 8),
  };
}

function recordAt({ words, numbers, bytes }: Chunk, unit: number): RememberedRecord {
  const start = unit * unitBytes + recordStart;
  const record = bytes.subarray(start, start + (words[2 * unit] as number));
  return { revision: numbers[unit + 1] as number, record };
}
