import { varintBytesMax } from "./varint.ts";

/**
 * Decodes the primitives that the encoders write. Throws RangeError for invalid bytes. Returned values never share
 * memory with the input.
 */
export class ByteReader {
  offset = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.offset;
  }

  byte(): number {
    const byte = this.#bytes[this.offset++];
    if (byte === undefined) throw new RangeError("a byte after the end");
    return byte;
  }

  number(): number {
    let value = 0;
    for (let shift = 0, unit = 1; shift < varintBytesMax; shift++, unit *= 128) {
      const byte = this.#bytes[this.offset++];
      if (byte === undefined) throw new RangeError("a number after the end");
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    throw new RangeError("a number that is too long");
  }

  /** Reads the number of items that follow, each of at least one byte. */
  length(): number {
    const length = this.number();
    if (length > this.left) throw new RangeError("a length after the end");
    return length;
  }

  text(): string {
    const length = this.length();
    const start = this.offset;
    this.offset = start + length;
    return this.#bytes.toString("utf8", start, this.offset);
  }

  copy(length: number): Uint8Array {
    if (length > this.left) throw new RangeError("bytes after the end");
    const start = this.offset;
    this.offset = start + length;
    return new Uint8Array(this.#bytes.subarray(start, this.offset));
  }
}
