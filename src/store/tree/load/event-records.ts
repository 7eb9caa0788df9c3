import { isAscii } from "node:buffer";
import type { Allocator } from "../../memory/allocator.ts";
import {
  asciiKeyFlag,
  asciiValueFlag,
  binaryFlag,
  expiresFlag,
  expireTimeBytes,
  headerBytes,
  highBits,
  recordBytes,
} from "../../memory/record-format.ts";
import { keyBytesLimit } from "../../memory/search-key.ts";
import { type Ref, type Slabs, wordOf } from "../../memory/slabs.ts";

/** The first words of the records that stand for a delete and a touch until the load ends. Lengths are not negative. */
const deleteMark = -2;
const touchMark = -3;

/** Up to this length a loop is faster than a call of the engine. */
const loopMax = 64;

/** A part of a payload. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

export interface PutHead {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly updateTime: number;
  readonly expireTime: number;
  readonly isBinary: boolean;
}

/** Makes records of the bytes of events, without strings. Deletes and touches are records without a value. */
export class EventRecords {
  readonly #slabs: Slabs;
  readonly #allocator: Allocator;

  constructor(slabs: Slabs, allocator: Allocator) {
    this.#slabs = slabs;
    this.#allocator = allocator;
  }

  put(payload: Buffer, key: Span, value: Span, head: PutHead): Ref {
    const { revision, createRevision, version, updateTime, expireTime, isBinary } = head;
    const expires = expireTime !== 0;
    const ref = this.#allocate(key, value.length, expires);
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    const bytes = this.#slabs.bytesOf(ref);
    const keyStart = word * 4 + headerBytes + (expires ? expireTimeBytes : 0);
    const isAsciiKey = copy(payload, key, bytes, keyStart);
    const isAsciiValue = copy(payload, value, bytes, keyStart + key.length);
    const valueFlag = isBinary ? binaryFlag : isAsciiValue ? asciiValueFlag : 0;
    const flags = valueFlag | (expires ? expiresFlag : 0) | (isAsciiKey ? asciiKeyFlag : 0);
    words[word] = value.length;
    words[word + 1] = key.length | (flags << 16);
    words[word + 2] = revision;
    words[word + 3] = createRevision;
    words[word + 4] = highBits(revision) | (highBits(createRevision) << 16);
    words[word + 5] = updateTime;
    words[word + 6] = highBits(updateTime) | (highBits(version) << 16);
    words[word + 7] = version;
    if (expires) this.#setExpireTime(ref, expireTime);
    return ref;
  }

  delete(payload: Buffer, key: Span): Ref {
    return this.#mark(deleteMark, payload, key, 0);
  }

  touch(payload: Buffer, key: Span, expireTime: number): Ref {
    // The expire time has its place even if it is 0.
    return this.#mark(touchMark, payload, key, expireTime);
  }

  isDelete(ref: Ref): boolean {
    return this.#slabs.wordsOf(ref)[wordOf(ref)] === deleteMark;
  }

  isTouch(ref: Ref): boolean {
    return this.#slabs.wordsOf(ref)[wordOf(ref)] === touchMark;
  }

  #mark(mark: number, payload: Buffer, key: Span, expireTime: number): Ref {
    const ref = this.#allocate(key, 0, true);
    const words = this.#slabs.wordsOf(ref);
    const word = wordOf(ref);
    words[word] = mark;
    words[word + 1] = key.length | (expiresFlag << 16);
    this.#setExpireTime(ref, expireTime);
    copy(payload, key, this.#slabs.bytesOf(ref), word * 4 + headerBytes + expireTimeBytes);
    return ref;
  }

  #allocate(key: Span, valueBytes: number, expires: boolean): Ref {
    if (key.length > keyBytesLimit) throw new RangeError(`a key has at most ${keyBytesLimit} bytes`);
    return this.#allocator.allocateRecord(recordBytes(key.length, valueBytes, expires));
  }

  #setExpireTime(ref: Ref, expireTime: number): void {
    const words = this.#slabs.wordsOf(ref);
    words[wordOf(ref) + 8] = expireTime;
    words[wordOf(ref) + 9] = highBits(expireTime);
  }
}

/** Copies a part of a payload. Returns whether it has only ASCII characters. */
function copy(payload: Buffer, { start, length }: Span, to: Buffer, at: number): boolean {
  if (length > loopMax) {
    const part = payload.subarray(start, start + length);
    to.set(part, at);
    return isAscii(part);
  }
  let bits = 0;
  for (let index = 0; index < length; index++) {
    const byte = payload[start + index] as number;
    bits |= byte;
    to[at + index] = byte;
  }
  return bits < 0x80;
}
