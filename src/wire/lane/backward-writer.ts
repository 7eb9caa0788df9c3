import { isAscii } from "node:buffer";

const bufferBytes = 64 * 1024;

/** Room that a larger buffer has for what comes before the large value that it was made for. */
const spareBytes = 1024;

/** Text up to this many characters is written by a loop, which is faster than a call out of JavaScript. */
const shortText = 16;

/**
 * Writes protobuf from the end to the beginning: the length of a nested message is known once its content stands, and
 * nothing is measured twice or moved. One buffer is reused for all messages that fit into it, and copied out.
 */
export class BackwardWriter {
  readonly #reused = Buffer.allocUnsafeSlow(bufferBytes);
  #buffer = this.#reused;
  /** Everything from here to the end is written. */
  #start = bufferBytes;

  /** Bytes written since `begin`. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  begin(): void {
    this.#buffer = this.#reused;
    this.#start = bufferBytes;
  }

  /** What was written, after `headroom` bytes that are left for the caller to fill. The caller's own. */
  finish(headroom: number): Buffer {
    if (this.#buffer !== this.#reused) {
      const at = this.#reserve(headroom);
      const result = this.#buffer.subarray(at);
      this.begin();
      return result;
    }
    const { length } = this;
    const result = Buffer.allocUnsafe(headroom + length);
    this.#buffer.copy(result, headroom, this.#start);
    return result;
  }

  /** A whole number up to Number.MAX_SAFE_INTEGER; a negative one is two's complement of 64 bits. */
  varint(value: number): void {
    if (value < 0) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
    } else if (value < 2 ** 28) {
      this.#varint28(value);
    } else {
      // In two parts, since only 32 bits can be shifted.
      this.varint(Math.floor(value / 2 ** 28));
      const low = value % 2 ** 28;
      const at = this.#reserve(4);
      this.#buffer[at] = low | 0x80;
      this.#buffer[at + 1] = (low >>> 7) | 0x80;
      this.#buffer[at + 2] = (low >>> 14) | 0x80;
      this.#buffer[at + 3] = (low >>> 21) | 0x80;
    }
  }

  int64(value: bigint): void {
    const number = Number(value);
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) this.varint(number);
    else this.#bigVarint(BigInt.asUintN(64, value));
  }

  /** UTF-8 with its length before it. */
  string(text: string): void {
    const { length } = text;
    if (length > shortText ? this.#longAscii(text) : this.#shortAscii(text)) {
      this.varint(length);
    } else {
      const bytes = Buffer.byteLength(text);
      const at = this.#reserve(bytes);
      this.#buffer.write(text, at, "utf8");
      this.varint(bytes);
    }
  }

  /** Bytes with their length before them. */
  bytes(bytes: Uint8Array): void {
    this.raw(bytes);
    this.varint(bytes.length);
  }

  raw(bytes: Uint8Array): void {
    // Only then: it may have become another buffer.
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /**
   * False, with nothing written, when there is more than ASCII in it. Measuring a long text takes longer than writing it:
   * where as many bytes as it has units were written and all are ASCII, that was all of it.
   */
  #longAscii(text: string): boolean {
    const { length } = text;
    const at = this.#reserve(length);
    const written = this.#buffer.write(text, at, length, "utf8");
    if (written === length && isAscii(this.#buffer.subarray(at, at + length))) return true;
    this.#start += length;
    return false;
  }

  /** False, with nothing written, when there is more than ASCII in it. */
  #shortAscii(text: string): boolean {
    const { length } = text;
    const at = this.#reserve(length);
    const buffer = this.#buffer;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        this.#start += length;
        return false;
      }
      buffer[at + index] = unit;
    }
    return true;
  }

  #varint28(value: number): void {
    if (value < 0x80) {
      const at = this.#reserve(1);
      this.#buffer[at] = value;
    } else if (value < 0x4000) {
      const at = this.#reserve(2);
      this.#buffer[at] = value | 0x80;
      this.#buffer[at + 1] = value >>> 7;
    } else if (value < 0x20_0000) {
      const at = this.#reserve(3);
      this.#buffer[at] = value | 0x80;
      this.#buffer[at + 1] = (value >>> 7) | 0x80;
      this.#buffer[at + 2] = value >>> 14;
    } else {
      const at = this.#reserve(4);
      this.#buffer[at] = value | 0x80;
      this.#buffer[at + 1] = (value >>> 7) | 0x80;
      this.#buffer[at + 2] = (value >>> 14) | 0x80;
      this.#buffer[at + 3] = value >>> 21;
    }
  }

  #bigVarint(value: bigint): void {
    const septets: number[] = [];
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) septets.push(Number(rest & 0x7fn) | 0x80);
    septets.push(Number(rest));
    const at = this.#reserve(septets.length);
    this.#buffer.set(septets, at);
  }

  /** Where the next `bytes` bytes begin. */
  #reserve(bytes: number): number {
    if (bytes > this.#start) this.#grow(bytes);
    this.#start -= bytes;
    return this.#start;
  }

  #grow(bytes: number): void {
    const { length } = this;
    const needed = length + bytes + spareBytes;
    // A message that grows by many parts doubles its buffer; one large part gets what it takes.
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * length));
    this.#buffer.copy(larger, larger.length - length, this.#start);
    this.#buffer = larger;
    this.#start = larger.length - length;
  }
}
