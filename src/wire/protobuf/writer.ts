import type { Message } from "@bufbuild/protobuf";
import type { ByteSpan } from "../../byte-span.ts";

/** Messages up to this size need no buffer of their own. */
const scratchBytes = 256 * 1024;

/** Left free before a message in a buffer of the writer's own, for a prefix such as gRPC's. */
const headroomBytesMax = 16;

/** Room that a larger buffer has for what follows the large value that it was made for. */
const spareBytes = 1024;

/** Text up to this many characters is written by a loop, which is faster than a call out of JavaScript. */
const shortText = 16;
/** The same for bytes. */
const shortSpan = 160;

// The longest encodings. A UTF-16 code unit takes up to three bytes of UTF-8.
const tagBytesMax = 5;
const lengthBytesMax = 5;
const varintBytesMax = 10;
const unitBytesMax = 3;

const varintType = 0;
const lengthDelimitedType = 2;

/**
 * Writes protobuf for the generated encoders, from the first byte to the last, into a given buffer. When that is full, the
 * writer copies what it has written into a larger buffer of its own and continues there. The first parameter of most
 * methods is the number of a field. A writer is reused: encoding never waits.
 */
export class Writer {
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  /** How many bytes the last length of a nested message took, by the number of its field: the next is probably alike. */
  readonly #lengthBytes = new Uint8Array(16).fill(1);
  #bytes: Buffer = this.#scratch;
  #start = headroomBytesMax;
  #position = headroomBytesMax;

  /** The message is in this buffer from `start` to `end`, until the next `begin`. */
  get buffer(): Buffer {
    return this.#bytes;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#position;
  }

  /** Starts at `start` in `target`. Default: in a buffer of the writer's own. */
  begin(target: Buffer = this.#scratch, start = headroomBytesMax): void {
    this.#bytes = target;
    this.#start = start;
    this.#position = start;
  }

  /** The message, after `headroom` bytes (16 at most) that the caller fills, in a buffer that belongs to the caller. */
  finish(headroom: number): Buffer {
    const bytes = this.#bytes;
    const written = bytes.subarray(this.#start - headroom, this.#position);
    this.begin();
    return bytes === this.#scratch ? Buffer.from(written) : written;
  }

  string(field: number, text: string): void {
    const { length } = text;
    if (length > shortText) {
      this.#longString(field, text);
      return;
    }
    this.#reserve(tagBytesMax + 1 + shortText * unitBytesMax);
    this.#tag(field, lengthDelimitedType);
    const bytes = this.#bytes;
    const at = this.#position + 1;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        this.#textAfterTag(text);
        return;
      }
      bytes[at + index] = unit;
    }
    bytes[at - 1] = length;
    this.#position = at + length;
  }

  bytes(field: number, value: Uint8Array): void {
    this.#reserve(tagBytesMax + lengthBytesMax + value.length);
    this.#tag(field, lengthDelimitedType);
    this.#varint(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
  }

  /** The content of a text or bytes field, from where it is. */
  span(field: number, { buffer, start, end }: ByteSpan): void {
    const length = end - start;
    this.#reserve(tagBytesMax + lengthBytesMax + length);
    this.#tag(field, lengthDelimitedType);
    this.#varint(length);
    const bytes = this.#bytes;
    let at = this.#position;
    if (length <= shortSpan) {
      for (let from = start; from < end; from++) bytes[at++] = buffer[from] as number;
    } else at += buffer.copy(bytes, at, start, end);
    this.#position = at;
  }

  bool(field: number, value: boolean): void {
    this.#reserve(tagBytesMax + 1);
    this.#tag(field, varintType);
    this.#bytes[this.#position++] = value ? 1 : 0;
  }

  /** Also an enum. */
  int32(field: number, value: number): void {
    this.int64(field, value);
  }

  uint32(field: number, value: number): void {
    this.int64(field, value);
  }

  /** A number must be a whole one up to Number.MAX_SAFE_INTEGER. */
  int64(field: number, value: bigint | number): void {
    this.#reserve(tagBytesMax + varintBytesMax);
    this.#tag(field, varintType);
    const number = Number(value);
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) this.#varint(number);
    else this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
  }

  uint64(field: number, value: bigint | number): void {
    this.int64(field, value);
  }

  /** Begins a nested message. Returns what `endNested` takes: where its content starts, from `start` on. */
  beginNested(field: number): number {
    this.#reserve(tagBytesMax + lengthBytesMax);
    this.#tag(field, lengthDelimitedType);
    const lengthBytes = this.#lengthBytes[field & 0xf] as number;
    this.#position += lengthBytes;
    // Until the length is known, its place holds how many bytes it has.
    this.#bytes[this.#position - 1] = lengthBytes;
    return this.#position - this.#start;
  }

  /** Ends a nested message: writes its length before it. */
  endNested(field: number, contentOffset: number): void {
    this.#reserve(lengthBytesMax);
    const bytes = this.#bytes;
    const contentStart = this.#start + contentOffset;
    const end = this.#position;
    const length = end - contentStart;
    const place = bytes[contentStart - 1] as number;
    const lengthBytes = varintBytes(length);
    if (lengthBytes !== place) {
      bytes.copyWithin(contentStart - place + lengthBytes, contentStart, end);
      this.#lengthBytes[field & 0xf] = lengthBytes;
    }
    this.#position = contentStart - place;
    this.#varint(length);
    this.#position += length;
  }

  /** Fields that a decoder did not know and kept, as they came. */
  unknownFields(fields: Message["$unknown"]): void {
    for (const { no, wireType, data } of fields ?? []) {
      this.#reserve(tagBytesMax + data.length);
      this.#tag(no, wireType);
      this.#bytes.set(data, this.#position);
      this.#position += data.length;
    }
  }

  #longString(field: number, text: string): void {
    const bytesMax = text.length * unitBytesMax;
    const room = this.#bytes.length - this.#position - tagBytesMax - lengthBytesMax;
    // Measuring takes about as long as writing, so it is done only where the text might not fit.
    this.#reserve(tagBytesMax + lengthBytesMax + (bytesMax <= room ? bytesMax : Buffer.byteLength(text)));
    this.#tag(field, lengthDelimitedType);
    this.#textAfterTag(text);
  }

  /** Length and UTF-8, for which there is room. Most text is ASCII, which has as many bytes as UTF-16 code units. */
  #textAfterTag(text: string): void {
    const bytes = this.#bytes;
    const start = this.#position;
    const place = varintBytes(text.length);
    const length = bytes.write(text, start + place);
    const lengthBytes = varintBytes(length);
    if (lengthBytes !== place) bytes.copyWithin(start + lengthBytes, start + place, start + place + length);
    this.#varint(length);
    this.#position += length;
  }

  #tag(field: number, wireType: number): void {
    if (field < 16) this.#bytes[this.#position++] = (field << 3) | wireType;
    else this.#varint(field * 8 + wireType);
  }

  /** A whole number from 0 to Number.MAX_SAFE_INTEGER, for which there is room. */
  #varint(value: number): void {
    const bytes = this.#bytes;
    let at = this.#position;
    let rest = value;
    // Only 32 bits can be shifted.
    while (rest > 0x7fff_ffff) {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#position = at;
  }

  /** 64 unsigned bits, for which there is room. */
  #bigVarint(value: bigint): void {
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#position++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#position++] = Number(rest);
  }

  /** Makes room for `count` bytes. */
  #reserve(count: number): void {
    if (count > this.#bytes.length - this.#position) this.#moveToOwn(count);
  }

  #moveToOwn(count: number): void {
    const length = this.#position - this.#start;
    const needed = headroomBytesMax + length + count + spareBytes;
    // A message that grows by many parts doubles its buffer; one large part gets what it takes.
    const own =
      this.#bytes !== this.#scratch && needed <= scratchBytes
        ? this.#scratch
        : Buffer.allocUnsafeSlow(Math.max(needed, 2 * length));
    this.#bytes.copy(own, headroomBytesMax, this.#start, this.#position);
    this.#bytes = own;
    this.#start = headroomBytesMax;
    this.#position = headroomBytesMax + length;
  }
}

/** How many bytes a length takes as a varint. */
function varintBytes(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x20_0000) return 3;
  return length < 0x1000_0000 ? 4 : 5;
}
