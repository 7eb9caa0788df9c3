import { varintBytesMax } from "./varint.ts";

/** Reads what encoders write. Throws RangeError for what none has written. Nothing that it returns points into the bytes. */
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
    if (byte === undefined) throw new RangeError("a byte beyond the end");
    return byte;
  }

  number(): number {
    let value = 0;
    for (let shift = 0, unit = 1; shift < varintBytesMax; shift++, unit *= 128) {
      const byte = this.#bytes[this.offset++];
      if (byte === undefined) throw new RangeError("a number beyond the end");
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    throw new RangeError("a number that is too long");
  }

  /** The number of things that follow, each of which takes at least one byte. */
  length(): number {
    const length = this.number();
    if (length > this.left) throw new RangeError("a length beyond the end");
    return length;
  }

  text(): string {
    const length = this.length();
    const start = this.offset;
    this.offset = start + length;
    return this.#bytes.toString("utf8", start, this.offset);
  }

  copy(length: number): Uint8Array {
    if (length > this.left) throw new RangeError("bytes beyond the end");
    const start = this.offset;
    this.offset = start + length;
    return new Uint8Array(this.#bytes.subarray(start, this.offset));
  }
}
