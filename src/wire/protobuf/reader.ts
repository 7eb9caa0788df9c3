import { isUtf8 } from "node:buffer";

/** Text up to this many bytes is checked by a loop, which is faster than a call out of JavaScript. */
const shortText = 32;

const noBytes: Buffer = Buffer.alloc(0);

/** The lower three bits of a tag. Groups, 3 and 4, are not supported. */
const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

const cutOff = "a value is cut off";

/** A request has more list elements than its method allows. */
export class TooManyElementsError extends Error {
  override readonly name = "TooManyElementsError";
}

/**
 * Reads protobuf for the generated decoders. Each method takes where the enclosing message ends and throws an Error when
 * a value is malformed or would cross that end. Groups are refused. A reader is reused: decoding never waits.
 */
export class Reader {
  /** Where the next byte is read. */
  position = 0;
  #bytes = noBytes;
  #elementsLeft = 0;

  /** Starts on `bytes` at `start`. All lists of the message together may have `elementsMax` elements. */
  begin(bytes: Buffer, start: number, elementsMax: number): void {
    this.position = start;
    this.#bytes = bytes;
    this.#elementsLeft = elementsMax;
  }

  /** Releases the bytes: a large request must not stay in memory with the reader. */
  finish(): void {
    this.#bytes = noBytes;
  }

  /** The number of a field times 8, plus its wire type. */
  tag(end: number): number {
    const { position } = this;
    const tag = this.#varint(end);
    if (tag < 8 || tag > 0xffff_ffff || this.position - position > 5) throw new Error("invalid tag");
    return tag;
  }

  /** Reads the length of a nested message; where it ends. */
  nested(end: number): number {
    const length = this.#length(end);
    return this.position + length;
  }

  /** Counts an element of a list. Throws TooManyElementsError. */
  element(): void {
    if (--this.#elementsLeft < 0) throw new TooManyElementsError("too many list elements");
  }

  /** UTF-8, checked. */
  string(end: number): string {
    const bytes = this.#bytes;
    const length = this.#length(end);
    const start = this.position;
    const stop = start + length;
    this.position = stop;
    if (length <= shortText) {
      let at = start;
      while (at < stop && (bytes[at] as number) < 0x80) at++;
      if (at === stop) return bytes.toString("latin1", start, stop);
    }
    const text = bytes.toString("utf8", start, stop);
    // Malformed UTF-8 becomes a replacement character. Only text with such a character needs another look.
    if (text.includes("\ufffd") && !isUtf8(bytes.subarray(start, stop))) throw new Error("invalid UTF-8");
    return text;
  }

  /** A view of the bytes that are read, not a copy. */
  bytes(end: number): Uint8Array {
    const length = this.#length(end);
    const start = this.position;
    this.position = start + length;
    return this.#bytes.subarray(start, start + length);
  }

  bool(end: number): boolean {
    const value = this.#varint(end);
    return value >= 0 ? value !== 0 : this.#bigVarint(end) !== 0n;
  }

  /** Also an enum. A varint with more than 32 bits keeps the lower ones, as everywhere in protobuf. */
  int32(end: number): number {
    return this.uint32(end) | 0;
  }

  uint32(end: number): number {
    const value = this.#varint(end);
    return value >= 0 ? value >>> 0 : Number(BigInt.asUintN(32, this.#bigVarint(end)));
  }

  int64(end: number): bigint {
    const value = this.#varint(end);
    return value >= 0 ? BigInt(value) : BigInt.asIntN(64, this.#bigVarint(end));
  }

  uint64(end: number): bigint {
    const value = this.#varint(end);
    return value >= 0 ? BigInt(value) : this.#bigVarint(end);
  }

  /** Skips the value of a field that is unknown, or known with another wire type. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case wireTypes.varint:
        if (this.#varint(end) < 0) this.#bigVarint(end);
        break;
      case wireTypes.fixed64:
        this.#advance(8, end);
        break;
      case wireTypes.lengthDelimited:
        this.position = this.nested(end);
        break;
      case wireTypes.fixed32:
        this.#advance(4, end);
        break;
      default:
        throw new Error(`unsupported wire type ${tag & 7}`);
    }
  }

  #advance(count: number, end: number): void {
    if (end - this.position < count) throw new Error(cutOff);
    this.position += count;
  }

  /** A length that ends by `end`. */
  #length(end: number): number {
    const length = this.#varint(end);
    // A varint that is too long for a number is too long for a length.
    if (length < 0 || length > end - this.position) throw new Error(cutOff);
    return length;
  }

  /** A varint of up to seven bytes, which a number holds; -1, with nothing consumed, when it is longer or cut off. */
  #varint(end: number): number {
    const { position } = this;
    if (position < end) {
      const byte = this.#bytes[position] as number;
      if (byte < 0x80) {
        this.position = position + 1;
        return byte;
      }
    }
    return this.#longVarint(end);
  }

  #longVarint(end: number): number {
    const bytes = this.#bytes;
    const { position } = this;
    const stop = Math.min(end, position + 7);
    let factor = 1;
    let value = 0;
    for (let at = position; at < stop; at++) {
      const byte = bytes[at] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.position = at + 1;
        return value;
      }
      factor *= 0x80;
    }
    return -1;
  }

  /** A varint of up to ten bytes, as 64 unsigned bits. */
  #bigVarint(end: number): bigint {
    const bytes = this.#bytes;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.position >= end) throw new Error(cutOff);
      const byte = bytes[this.position++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error("a varint is longer than ten bytes");
  }
}
