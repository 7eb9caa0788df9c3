import { ConnectionError } from "./connection-error.ts";
import {
  clientPreface,
  frameFlags,
  frameHeaderBytes,
  framePayloadMax,
  frameTypes,
  readUint31,
} from "./frame-format.ts";

/** Receives frames in their order. Bytes belong to the reader: what is to stay must be copied. */
export interface FrameSink {
  /** A complete frame of any type but DATA; its payload is `bytes[start, end)`. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame begins. `length` counts its padding too, `dataLength` does not. */
  dataFrame(streamId: number, length: number, dataLength: number, endStream: boolean): void;
  /** A part of the DATA frame that has begun, perhaps an empty one. `endStream` comes with the last part. */
  data(bytes: Buffer, start: number, end: number, endStream: boolean): void;
}

/** How long a reader may go on. */
export interface ReaderTurn {
  /** Called after each frame. True: the rest of the input waits. */
  isOverAfterFrame(): boolean;
}

/**
 * Cuts a connection's bytes into frames (RFC 9113, sections 3.4 and 4.1). Frames are read in place from the socket's
 * chunk; only one that is cut in two by a chunk's end is copied together. DATA without padding is passed on in parts.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #turn: ReaderTurn;
  #prefaceSeen = 0;

  // A frame of which only a part has come.
  #partial = Buffer.alloc(0);
  #partialLength = 0;
  #partials = 0;

  // A DATA frame of which only a part has been passed on.
  #dataLeft = 0;
  #dataEndsStream = false;

  constructor(sink: FrameSink, turn: ReaderTurn) {
    this.#sink = sink;
    this.#turn = turn;
  }

  /** A number for the frame of which only a part has come, another for each; undefined: none. */
  get partialFrame(): number | undefined {
    return this.#partialLength > 0 || this.#prefaceSeen < clientPreface.length ? this.#partials : undefined;
  }

  /**
   * Reads `bytes` from `start` on. Returns where it stopped, which is before the end only when its turn is over.
   * Throws ConnectionError for invalid input.
   */
  read(bytes: Buffer, start: number): number {
    let at = start;
    if (this.#prefaceSeen < clientPreface.length) at = this.#readPreface(bytes, at);
    if (this.#partialLength > 0) {
      at = this.#completePartial(bytes, at);
      if (this.#partialLength > 0 || this.#turn.isOverAfterFrame()) return at;
    }
    while (at < bytes.length) {
      if (this.#dataLeft > 0) {
        at = this.#readData(bytes, at);
      } else {
        const end = this.#readFrame(bytes, at);
        if (end < 0) {
          this.#keepPartial(bytes, at);
          return bytes.length;
        }
        at = end;
      }
      if (this.#turn.isOverAfterFrame()) return at;
    }
    return at;
  }

  #readPreface(bytes: Buffer, start: number): number {
    const length = Math.min(bytes.length - start, clientPreface.length - this.#prefaceSeen);
    const expected = clientPreface.subarray(this.#prefaceSeen, this.#prefaceSeen + length);
    if (bytes.compare(expected, 0, length, start, start + length) !== 0) {
      throw new ConnectionError("protocol_error", "invalid connection preface");
    }
    this.#prefaceSeen += length;
    return start + length;
  }

  /** Returns the frame's end; -1 when it is not complete. */
  #readFrame(bytes: Buffer, start: number): number {
    const limit = bytes.length;
    const payload = start + frameHeaderBytes;
    if (payload > limit) return -1;
    const length = payloadLength(bytes, start);
    if (length > framePayloadMax) throw new ConnectionError("frame_size_error", "frame too large");
    const type = bytes[start + 3] as number;
    const flags = bytes[start + 4] as number;
    const streamId = readUint31(bytes, start + 5);
    const end = payload + length;
    if (type !== frameTypes.data) {
      if (end > limit) return -1;
      this.#sink.frame(type, flags, streamId, bytes, payload, end);
      return end;
    }
    const endStream = (flags & frameFlags.endStream) !== 0;
    if ((flags & frameFlags.padded) !== 0) {
      if (end > limit) return -1;
      const dataEnd = end - paddingLength(bytes, payload, length);
      this.#sink.dataFrame(streamId, length, dataEnd - payload - 1, endStream);
      this.#sink.data(bytes, payload + 1, dataEnd, endStream);
      return end;
    }
    this.#sink.dataFrame(streamId, length, length, endStream);
    this.#dataLeft = length;
    this.#dataEndsStream = endStream;
    return this.#readData(bytes, payload);
  }

  #readData(bytes: Buffer, start: number): number {
    const end = Math.min(start + this.#dataLeft, bytes.length);
    this.#dataLeft -= end - start;
    this.#sink.data(bytes, start, end, this.#dataLeft === 0 && this.#dataEndsStream);
    return end;
  }

  #keepPartial(bytes: Buffer, start: number): void {
    const length = bytes.length - start;
    this.#partials++;
    const needed =
      length < frameHeaderBytes ? frameHeaderBytes : frameHeaderBytes + payloadLength(bytes, start);
    this.#partial = Buffer.allocUnsafeSlow(needed);
    this.#partialLength = bytes.copy(this.#partial, 0, start);
  }

  #completePartial(bytes: Buffer, start: number): number {
    let at = start;
    for (;;) {
      const taken = bytes.copy(this.#partial, this.#partialLength, at);
      this.#partialLength += taken;
      at += taken;
      if (this.#partialLength < this.#partial.length) return at;
      if (this.#readFrame(this.#partial, 0) >= 0) break;
      const larger = Buffer.allocUnsafeSlow(frameHeaderBytes + payloadLength(this.#partial, 0));
      this.#partial.copy(larger);
      this.#partial = larger;
    }
    this.#partial = Buffer.alloc(0);
    this.#partialLength = 0;
    return at;
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** RFC 9113, section 6.1. */
function paddingLength(bytes: Buffer, payload: number, length: number): number {
  const padding = length === 0 ? 0 : (bytes[payload] as number);
  if (padding >= length) throw new ConnectionError("protocol_error", "padding longer than its frame");
  return padding;
}
