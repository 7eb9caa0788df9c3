import { ConnectionError } from "./connection-error.ts";
import { frameFlags, readUint31 } from "./frame-format.ts";
import type { Http2Limits } from "./limits.ts";

/** Receives each complete header block. */
export interface HeaderBlockSink {
  headerBlock(bytes: Buffer, start: number, end: number, streamId: number, endStream: boolean): void;
}

const priorityBytes = 5;

/** Puts header blocks together from HEADERS and CONTINUATION frames (RFC 9113, sections 4.3, 6.2 and 6.10). */
export class HeaderBlockReader {
  readonly #limits: Http2Limits;
  readonly #sink: HeaderBlockSink;
  /** The stream of a block that goes on; 0: none. */
  #streamId = 0;
  #endStream = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limits: Http2Limits, sink: HeaderBlockSink) {
    this.#limits = limits;
    this.#sink = sink;
  }

  /** The stream whose header block is not complete; undefined: none. */
  get partialBlock(): number | undefined {
    return this.#streamId === 0 ? undefined : this.#streamId;
  }

  headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if ((streamId & 1) === 0)
      throw new ConnectionError("protocol_error", "HEADERS on an invalid stream identifier");
    let from = start;
    let to = end;
    if ((flags & frameFlags.padded) !== 0) {
      if (from === to) throw new ConnectionError("frame_size_error", "HEADERS without its padding length");
      to -= bytes[from++] as number;
      if (to < from) throw new ConnectionError("protocol_error", "padding longer than its frame");
    }
    if ((flags & frameFlags.priority) !== 0) {
      if (to - from < priorityBytes)
        throw new ConnectionError("frame_size_error", "HEADERS without its priority");
      if (readUint31(bytes, from) === streamId) {
        throw new ConnectionError("protocol_error", "a stream that depends on itself");
      }
      from += priorityBytes;
    }
    const endStream = (flags & frameFlags.endStream) !== 0;
    if ((flags & frameFlags.endHeaders) !== 0) {
      this.#sink.headerBlock(bytes, from, to, streamId, endStream);
      return;
    }
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#add(bytes, from, to);
  }

  continuation(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== this.#streamId || streamId === 0) {
      throw new ConnectionError("protocol_error", "CONTINUATION without HEADERS");
    }
    if (this.#parts.length > this.#limits.continuationsMax) throw tooLarge();
    this.#add(bytes, start, end);
    if ((flags & frameFlags.endHeaders) === 0) return;
    const block = Buffer.concat(this.#parts, this.#bytes);
    this.#streamId = 0;
    this.#parts = [];
    this.#bytes = 0;
    this.#sink.headerBlock(block, 0, block.length, streamId, this.#endStream);
  }

  #add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > this.#limits.headerBlockBytesMax) throw tooLarge();
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
  }
}

function tooLarge(): ConnectionError {
  return new ConnectionError("header_block_too_large", "header block too large");
}
