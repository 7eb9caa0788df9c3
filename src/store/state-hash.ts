import type { Entry } from "./entry.ts";
import type { Records } from "./memory/records.ts";
import type { Ref } from "./memory/slabs.ts";
import { hashInput, murmur3 } from "./murmur3.ts";

/**
 * The hash input of an entry, little-endian:
 *
 *      0  8  revision, and so on as 64-bit floating-point numbers
 *      8  8  createRevision
 *     16  8  version
 *     24  8  updateTime
 *     32  8  expireTime
 *     40  4  length of the key in bytes of UTF-8
 *     44  4  length of the value in bytes
 *     48  4  0: the value is text, 1: bytes
 *     52  4  0
 *     56  n  key, value, zeros up to a multiple of 16
 */
const headerBytes = 56;

type HashedEntry = Omit<Entry, "bytes">;

const entryHash = new Int32Array(4);

/**
 * A hash of all entries of a store: four sums modulo 2^32 over the 128-bit MurmurHash3 of each entry. The order of
 * the entries does not matter, so a change of one entry costs the hash of that entry only.
 *
 * It detects errors: two stores that differ by accident have the same hash with a probability of about 2^-128. It
 * does not protect against someone who chooses entries to produce a certain hash. A cryptographic hash would take
 * several times as long on each put.
 */
export class StateHash {
  readonly #sums = new Int32Array(4);

  add(entry: HashedEntry): void {
    hashEntry(entry);
    this.#add();
  }

  /** As `add`, of the entry that a record has. */
  addRecord(records: Records, ref: Ref): void {
    hashRecord(records, ref);
    this.#add();
  }

  /** `entry` must have been added before. */
  remove(entry: HashedEntry): void {
    hashEntry(entry);
    this.#subtract();
  }

  /** As `remove`, of the entry that a record has. */
  removeRecord(records: Records, ref: Ref): void {
    hashRecord(records, ref);
    this.#subtract();
  }

  /** The hash as 32 hexadecimal digits; all 0 for an empty store. */
  toString(): string {
    return hashDigits(this.#sums);
  }

  /** Copies the four sums to `target` at `offset`. `hashDigits` formats them. */
  copyTo(target: Int32Array, offset: number): void {
    target.set(this.#sums, offset);
  }

  /** Copies the hash of the entry that was just added, four words, to `target` at `offset`. */
  copyAdded(target: Int32Array, offset: number): void {
    for (let lane = 0; lane < 4; lane++) target[offset + lane] = entryHash[lane] as number;
  }

  #add(): void {
    const sums = this.#sums;
    for (let lane = 0; lane < 4; lane++) sums[lane] = (sums[lane] as number) + (entryHash[lane] as number);
  }

  #subtract(): void {
    const sums = this.#sums;
    for (let lane = 0; lane < 4; lane++) sums[lane] = (sums[lane] as number) - (entryHash[lane] as number);
  }
}

/** The hash of an entry as four words, valid until the next entry is hashed. */
export function hashOf(entry: HashedEntry): Int32Array {
  hashEntry(entry);
  return entryHash;
}

export function hashDigits(sums: Int32Array): string {
  return [...sums].map((sum) => (sum >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Computes the hash of the entry into `entryHash`. */
function hashEntry(entry: HashedEntry): void {
  const { key, value } = entry;
  const bytesMax = headerBytes + key.length * 3 + value.length * 3 + 16;
  const { bytes, words, numbers } = hashInput(bytesMax);
  numbers[0] = entry.revision;
  numbers[1] = entry.createRevision;
  numbers[2] = entry.version;
  numbers[3] = entry.updateTime;
  numbers[4] = entry.expireTime;
  const keyBytes = bytes.write(key, headerBytes, "utf8");
  const valueStart = headerBytes + keyBytes;
  let valueBytes = value.length;
  if (typeof value === "string") valueBytes = bytes.write(value, valueStart, "utf8");
  else bytes.set(value, valueStart);
  hashInputOf(words, bytes, keyBytes, valueBytes, typeof value === "string");
}

/** Computes the hash of the entry that a record has into `entryHash`, without its texts. */
function hashRecord(records: Records, ref: Ref): void {
  const keyBytes = records.keyLength(ref);
  const valueBytes = records.valueLength(ref);
  const { bytes, words, numbers } = hashInput(headerBytes + keyBytes + valueBytes + 16);
  numbers[0] = records.revision(ref);
  numbers[1] = records.createRevision(ref);
  numbers[2] = records.version(ref);
  numbers[3] = records.updateTime(ref);
  numbers[4] = records.expireTime(ref);
  records.copyContent(ref, words, headerBytes / 4);
  hashInputOf(words, bytes, keyBytes, valueBytes, records.isText(ref));
}

/** Completes the input, which has the numbers, the key and the value, and hashes it. */
function hashInputOf(
  words: Int32Array,
  bytes: Uint8Array,
  keyBytes: number,
  valueBytes: number,
  isText: boolean,
): void {
  words[10] = keyBytes;
  words[11] = valueBytes;
  words[12] = isText ? 0 : 1;
  words[13] = 0;
  let end = headerBytes + keyBytes + valueBytes;
  while (end % 16 !== 0) bytes[end++] = 0;
  murmur3(words, end, entryHash);
}
