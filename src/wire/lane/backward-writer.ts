const bufferBytes = 64 * 1024;

/** Text up to this many characters is written by a loop, which is faster than a call out of JavaScript. */
const shortText = 16;

/**
 * Writes protobuf from the end to the beginning: the length of a nested message is known once its content stands, and
 * nothing is measured twice or moved. One buffer is reused for all messages; what is finished is copied out.
 */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** Everything from here to the end is written. */
  #start = bufferBytes;

  /** Bytes written since `begin`. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  begin(): void {
    this.#start = this.#buffer.length;
  }

  /** A copy of what was written, after `headroom` bytes that are left for the caller to fill. */
  finish(headroom: number): Buffer {
    const { length } = this;
    const result = Buffer.allocUnsafe(headroom + length);
    this.#buffer.copy(result, headroom, this.#start);
    // One large answer must not hold its memory for ever.
    if (this.#buffer.length > 1024 * 1024) this.#buffer = Buffer.allocUnsafeSlow(bufferBytes);
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
    if (text.length > shortText || !this.#ascii(text)) {
      const bytes = Buffer.byteLength(text);
      const at = this.#reserve(bytes);
      this.#buffer.write(text, at, bytes === text.length ? "latin1" : "utf8");
      this.varint(bytes);
    } else {
      this.varint(text.length);
    }
  }

  /** Bytes with their length before them. */
  bytes(bytes: Uint8Array): void {
    this.raw(bytes);
    this.varint(bytes.length);
  }

  raw(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#reserve(bytes.length));
  }

  /** False, with nothing written, when there is more than ASCII in it. */
  #ascii(text: string): boolean {
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
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length + bytes + 1)) * 2);
    this.#buffer.copy(larger, larger.length - length, this.#start);
    this.#buffer = larger;
    this.#start = larger.length - length;
  }
}
