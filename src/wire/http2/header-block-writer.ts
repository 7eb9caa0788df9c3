import {
  frameFlags,
  frameHeaderBytes,
  framePayloadMax,
  frameTypes,
  writeFrameHeader,
} from "./frame-format.ts";
import { HpackEncoder } from "./hpack/hpack-encoder.ts";
import { literalBytesMax, writeLiteral } from "./hpack/literals.ts";
import type { Output } from "./output.ts";
import { checkResponseField, type FlatHeaders, type ResponseHeaders } from "./response-headers.ts";

/** Writes header blocks as HEADERS and, where one frame is too small, CONTINUATION (RFC 9113, sections 4.3, 6.2, 6.10). */
export class HeaderBlockWriter {
  readonly encoder = new HpackEncoder();
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Throws RangeError for an invalid name or value in `more`, with nothing written. */
  write(streamId: number, headers: ResponseHeaders, more: FlatHeaders, endStream: boolean): void {
    const bytesMax = HpackEncoder.prefixBytesMax + headers.bytesMax + checkedBytesMax(more);
    const flags = endStream ? frameFlags.endStream : 0;
    if (bytesMax > framePayloadMax) {
      const block = Buffer.allocUnsafe(bytesMax);
      this.#writeFrames(streamId, block.subarray(0, this.#encode(block, 0, headers, more)), flags);
      return;
    }
    const start = this.#output.reserve(frameHeaderBytes + bytesMax);
    const out = this.#output.bytes;
    const payload = start + frameHeaderBytes;
    const end = this.#encode(out, payload, headers, more);
    writeFrameHeader(out, start, end - payload, frameTypes.headers, flags | frameFlags.endHeaders, streamId);
    this.#output.commit(end);
  }

  #encode(out: Buffer, start: number, headers: ResponseHeaders, more: FlatHeaders): number {
    const { encoder } = this;
    let at = encoder.begin(out, start);
    const { fields } = headers;
    for (let index = 0; index < fields.length; index++) {
      at = encoder.write(out, at, fields[index] as (typeof fields)[number]);
    }
    for (let index = 0; index < more.length; index += 2) {
      at = writeLiteral(out, at, more[index] as string, more[index + 1] as string);
    }
    return at;
  }

  #writeFrames(streamId: number, block: Buffer, firstFlags: number): void {
    for (let at = 0; at < block.length; at += framePayloadMax) {
      const part = block.subarray(at, at + framePayloadMax);
      const type = at === 0 ? frameTypes.headers : frameTypes.continuation;
      const isLast = at + part.length === block.length;
      const flags = (at === 0 ? firstFlags : 0) | (isLast ? frameFlags.endHeaders : 0);
      const start = this.#output.reserve(frameHeaderBytes + part.length);
      writeFrameHeader(this.#output.bytes, start, part.length, type, flags, streamId);
      part.copy(this.#output.bytes, start + frameHeaderBytes);
      this.#output.commit(start + frameHeaderBytes + part.length);
    }
  }
}

function checkedBytesMax(more: FlatHeaders): number {
  let bytes = 0;
  for (let index = 0; index < more.length; index += 2) {
    const name = more[index] as string;
    const value = more[index + 1] as string;
    checkResponseField(name, value);
    bytes += literalBytesMax(name, value);
  }
  return bytes;
}
