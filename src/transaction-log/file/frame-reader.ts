import type { FileHeader } from "./file-header.ts";
import type { File } from "./file-system.ts";
import {
  decodeFrameHeader,
  type FrameHeader,
  type FrameKind,
  frameChecksum,
  frameHeaderBytes,
  frameKinds,
  frameOverheadBytes,
} from "./frame.ts";

const defaultChunkBytes = 256 * 1024;

export interface Frame {
  readonly kind: FrameKind;
  readonly firstSequence: number;
  readonly count: number;
  /** Points into the buffer of the reader: valid until it reads on. */
  readonly payload: Buffer;
  /** Where in the file it begins. */
  readonly offset: number;
}

export interface FrameReaderStart {
  readonly kind: FileHeader["kind"];
  readonly marker: number;
  readonly offset: number;
  /** Nothing from here on is read. */
  readonly end: number;
  /** What the first frame must chain to. */
  readonly checksum: number;
  readonly nextSequence: number;
  /** What is read at once, and so checked without a pause. */
  readonly chunkBytes?: number;
}

/**
 * Reads the frames of one file in order, each checked against the one before:
 *
 *     for (;;) {
 *       const frame = reader.take();
 *       if (frame) …
 *       else if (!(await reader.more())) break;
 *     }
 *
 * Afterwards `offset` is behind the last good frame, and the other fields tell what was there.
 */
export class FrameReader {
  offset: number;
  checksum: number;
  /** In a segment exactly the first sequence of the next frame, in a snapshot the least that it can be. */
  nextSequence: number;
  /** Transactions in the frames so far. */
  count = 0;
  frames = 0;
  /** The end frame was read. */
  ended = false;

  readonly #file: File;
  readonly #kind: FileHeader["kind"];
  readonly #marker: number;
  readonly #chunkBytes: number;
  readonly #end: number;
  #buffer = Buffer.alloc(0);
  /** What of the buffer is not yet taken. */
  #from = 0;
  #to = 0;
  /** Bytes that the next frame needs; 0 when no good one can follow. */
  #needed = frameHeaderBytes;

  constructor(file: File, start: FrameReaderStart) {
    this.#file = file;
    this.#kind = start.kind;
    this.#marker = start.marker;
    this.#chunkBytes = start.chunkBytes ?? defaultChunkBytes;
    this.#end = start.end;
    this.offset = start.offset;
    this.checksum = start.checksum;
    this.nextSequence = start.nextSequence;
  }

  /** The next frame of what is in memory. */
  take(): Frame | undefined {
    const from = this.#from;
    const available = this.#to - from;
    if (available < this.#needed || this.#needed === 0) return undefined;
    const header = decodeFrameHeader(this.#buffer, from, this.#marker);
    if (!header || !this.#fits(header)) return this.#stop();
    const bytes = frameOverheadBytes + header.payloadBytes;
    if (available < bytes) {
      this.#needed = bytes;
      return undefined;
    }
    const payload = this.#buffer.subarray(from + frameHeaderBytes, from + bytes - 4);
    const checksum = frameChecksum(header.checksum, payload);
    if (this.#buffer.readUInt32LE(from + bytes - 4) !== checksum) return this.#stop();
    const offset = this.offset;
    this.#from += bytes;
    this.offset += bytes;
    this.checksum = checksum;
    this.frames++;
    this.#advance(header);
    return { kind: header.kind, firstSequence: header.firstSequence, count: header.count, payload, offset };
  }

  /** Reads on. False at the end, and where no good frame follows. */
  async more(): Promise<boolean> {
    const kept = this.#to - this.#from;
    const wanted = Math.min(Math.max(this.#chunkBytes, this.#needed), this.#end - this.offset);
    if (this.#needed === 0 || wanted < this.#needed) return false;
    if (this.#buffer.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(wanted);
      this.#buffer.copy(larger, 0, this.#from, this.#to);
      this.#buffer = larger;
    } else {
      this.#buffer.copyWithin(0, this.#from, this.#to);
    }
    this.#from = 0;
    this.#to = kept;
    const position = this.offset + kept;
    const length = Math.min(this.#buffer.length - kept, this.#end - position);
    const count = await this.#file.read(this.#buffer.subarray(kept, kept + length), position);
    this.#to = kept + count;
    return count > 0;
  }

  #fits(header: FrameHeader): boolean {
    if (header.previousChecksum !== this.checksum) return false;
    if (this.offset + frameOverheadBytes + header.payloadBytes > this.#end) return false;
    const inSegment = this.#kind === "segment";
    switch (header.kind) {
      case frameKinds.transactions:
        return inSegment && header.firstSequence === this.nextSequence && header.count > 0;
      case frameKinds.endOfSegment:
        return inSegment && header.firstSequence === this.nextSequence && header.count === 0;
      case frameKinds.snapshot:
        return !inSegment && header.firstSequence >= this.nextSequence && header.count > 0;
      case frameKinds.endOfSnapshot:
        return !inSegment && header.firstSequence >= this.nextSequence && header.count === this.count;
    }
  }

  #advance(header: FrameHeader): void {
    if (header.kind === frameKinds.endOfSegment || header.kind === frameKinds.endOfSnapshot) {
      this.ended = true;
      this.#needed = 0;
      return;
    }
    this.count += header.count;
    this.nextSequence = header.firstSequence + header.count;
    this.#needed = frameHeaderBytes;
  }

  #stop(): undefined {
    this.#needed = 0;
  }
}
