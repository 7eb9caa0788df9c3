import type { ByteSpan } from "../../byte-span.ts";
import type { Entry } from "../entry.ts";
import {
  asciiKeyFlag,
  asciiValueFlag,
  binaryFlag,
  expiresFlag,
  headerBytes,
  recordBytes,
} from "./record-format.ts";
import { headAt, type SearchKey } from "./search-key.ts";
import { type Ref, type Slabs, wordOf } from "./slabs.ts";

/** Up to this length a loop is faster than a call of the engine. */
const loopMax = 128;

/** What a record holds. */
export type RecordEntry = Omit<Entry, "bytes">;

/** Reads records. The refs must be of records that a pinned version reaches, or that this thread has just written. */
export class Records {
  readonly #slabs: Slabs;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
  }

  /** Compares the key from byte `from` on with that of a record: less than 0, 0, or more than 0. */
  compare(key: SearchKey, ref: Ref, from: number): number {
    const bytes = this.#slabs.bytesOf(ref);
    const sizes = this.#sizes(ref);
    const length = sizes & 0xffff;
    const start = keyStart(ref, sizes);
    const common = Math.min(length, key.length);
    for (let index = from; index < common; index++) {
      const difference = (key.bytes[index] as number) - (bytes[start + index] as number);
      if (difference !== 0) return difference;
    }
    return key.length - length;
  }

  /** Compares the key with the first `length` bytes of a record's key: 0 when it begins with them. */
  comparePrefix(key: SearchKey, ref: Ref, length: number): number {
    const bytes = this.#slabs.bytesOf(ref);
    const start = keyStart(ref, this.#sizes(ref));
    const common = Math.min(length, key.length);
    for (let index = 0; index < common; index++) {
      const difference = (key.bytes[index] as number) - (bytes[start + index] as number);
      if (difference !== 0) return difference;
    }
    return key.length < length ? -1 : 0;
  }

  /** The number of bytes that the keys of two records share at their beginning. */
  commonPrefix(one: Ref, other: Ref): number {
    const bytes = this.#slabs.bytesOf(one);
    const otherBytes = this.#slabs.bytesOf(other);
    const start = keyStart(one, this.#sizes(one));
    const otherStart = keyStart(other, this.#sizes(other));
    const end = Math.min(this.keyLength(one), this.keyLength(other));
    let length = 0;
    while (length < end && bytes[start + length] === otherBytes[otherStart + length]) length++;
    return length;
  }

  /** The head of a record's key after its first `skip` bytes; see `headAt`. */
  head(ref: Ref, skip: number): number {
    const sizes = this.#sizes(ref);
    const start = keyStart(ref, sizes);
    return headAt(this.#slabs.bytesOf(ref), start + skip, start + (sizes & 0xffff));
  }

  /** The value where it lies. */
  encodedValue(ref: Ref): ByteSpan {
    const sizes = this.#sizes(ref);
    const start = keyStart(ref, sizes) + (sizes & 0xffff);
    return { buffer: this.#slabs.bytesOf(ref), start, end: start + this.valueLength(ref) };
  }

  /** Whether the value is text, not binary. */
  isText(ref: Ref): boolean {
    return (this.#sizes(ref) & (binaryFlag << 16)) === 0;
  }

  /** The bytes that the record takes of its slot. */
  bytes(ref: Ref): number {
    const sizes = this.#sizes(ref);
    const expires = ((sizes >>> 16) & expiresFlag) !== 0;
    return recordBytes(sizes & 0xffff, this.valueLength(ref), expires);
  }

  /** In bytes. */
  keyLength(ref: Ref): number {
    return this.#sizes(ref) & 0xffff;
  }

  /** The length of the value in bytes. */
  valueLength(ref: Ref): number {
    return this.#slabs.wordsOf(ref)[wordOf(ref)] as number;
  }

  /** Makes the key of a record the search key. */
  copyKey(ref: Ref, key: SearchKey): void {
    const sizes = this.#sizes(ref);
    key.copyFrom(this.#slabs.bytesOf(ref), keyStart(ref, sizes), sizes & 0xffff);
    key.isAscii = (sizes & (asciiKeyFlag << 16)) !== 0;
  }

  key(ref: Ref): string {
    const sizes = this.#sizes(ref);
    const start = keyStart(ref, sizes);
    const encoding = (sizes & (asciiKeyFlag << 16)) === 0 ? "utf8" : "latin1";
    return this.#slabs.bytesOf(ref).toString(encoding, start, start + (sizes & 0xffff));
  }

  /** Whether both key and value are text of ASCII characters. */
  isAscii(ref: Ref): boolean {
    const flags = (asciiKeyFlag | asciiValueFlag) << 16;
    return (this.#sizes(ref) & flags) === flags;
  }

  revision(ref: Ref): number {
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    return join(words[word + 2] as number, (words[word + 4] as number) & 0xffff);
  }

  createRevision(ref: Ref): number {
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    return join(words[word + 3] as number, (words[word + 4] as number) >>> 16);
  }

  version(ref: Ref): number {
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    return join(words[word + 7] as number, (words[word + 6] as number) >>> 16);
  }

  /** Milliseconds since 1970 UTC. */
  updateTime(ref: Ref): number {
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    return join(words[word + 5] as number, (words[word + 6] as number) & 0xffff);
  }

  /** Milliseconds since 1970 UTC; 0: never. */
  expireTime(ref: Ref): number {
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    const expires = ((words[word + 1] as number) & (expiresFlag << 16)) !== 0;
    return expires ? join(words[word + 8] as number, words[word + 9] as number) : 0;
  }

  /** A copy of the record as an object. `key` is the record's key if the caller has it already. */
  entry(ref: Ref, key = this.key(ref)): RecordEntry {
    return {
      key,
      value: this.value(ref),
      revision: this.revision(ref),
      createRevision: this.createRevision(ref),
      version: this.version(ref),
      updateTime: this.updateTime(ref),
      expireTime: this.expireTime(ref),
    };
  }

  value(ref: Ref): string | Uint8Array {
    const bytes = this.#slabs.bytesOf(ref);
    const sizes = this.#sizes(ref);
    const start = keyStart(ref, sizes) + (sizes & 0xffff);
    const end = start + this.valueLength(ref);
    if (!this.isText(ref)) return new Uint8Array(bytes.subarray(start, end));
    return bytes.toString((sizes & (asciiValueFlag << 16)) === 0 ? "utf8" : "latin1", start, end);
  }

  /** Copies the value's bytes to `target` at `offset`. Returns their number. */
  copyValue(ref: Ref, target: Uint8Array, offset: number): number {
    const bytes = this.#slabs.bytesOf(ref);
    const sizes = this.#sizes(ref);
    const start = keyStart(ref, sizes) + (sizes & 0xffff);
    const length = this.valueLength(ref);
    if (length > loopMax) target.set(bytes.subarray(start, start + length), offset);
    else for (let index = 0; index < length; index++) target[offset + index] = bytes[start + index] as number;
    return length;
  }

  /** Copies key and value, one after the other, to `target` from a word on. The last word may have other bytes at its end. */
  copyContent(ref: Ref, target: Int32Array, targetWord: number): void {
    const source = this.#slabs.wordsOf(ref);
    const sizes = this.#sizes(ref);
    const start = keyStart(ref, sizes) >>> 2;
    const count = ((sizes & 0xffff) + this.valueLength(ref) + 3) >>> 2;
    if (count > loopMax) target.set(source.subarray(start, start + count), targetWord);
    else
      for (let index = 0; index < count; index++)
        target[targetWord + index] = source[start + index] as number;
  }

  /** Length of the key in the low 16 bits, flags above. */
  #sizes(ref: Ref): number {
    return this.#slabs.wordsOf(ref)[wordOf(ref) + 1] as number;
  }
}

/** Where the key begins, in the bytes of the record's slab. */
function keyStart(ref: Ref, sizes: number): number {
  return wordOf(ref) * 4 + headerBytes + ((sizes >>> 16) & expiresFlag) * 4;
}

function join(low: number, high: number): number {
  return high * 2 ** 32 + (low >>> 0);
}
