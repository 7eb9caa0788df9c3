import type { File } from "../file-system.ts";
import { type FileHeader, fileHeaderBytes } from "./file-header.ts";
import {
  decodeFrameHeader,
  type FrameHeader,
  type FrameKind,
  frameChecksum,
  frameHeaderBytes,
  frameKinds,
  frameMarker,
  frameOverheadBytes,
} from "./frame.ts";

const defaultChunkBytes = 256 * 1024;

export interface Frame {
  /** The format version of its file. */
  readonly version: number;
  readonly kind: FrameKind;
  readonly firstSequence: number;
  readonly count: number;
  /** Shares memory with the reader; valid until it reads the next group. */
  readonly payload: Buffer;
  /** The offset in the file at which the frame begins. */
  readonly offset: number;
  /** The offset in the file at which the frame ends. */
  readonly end: number;
  /** The checksum that the next frame must contain. */
  readonly checksum: number;
}

export interface FrameReaderOptions {
  /** The offset at which reading stops. */
  readonly end: number;
  /** The bytes that are read at once, and checked without a yield. */
  readonly chunkBytes?: number;
}

/** True for all frames except end frames. */
export function holdsTransactions({ kind }: Frame): boolean {
  return kind === frameKinds.transactions || kind === frameKinds.snapshot;
}

/**
 * Reads the frames of one file in order and checks each against the one before. It stops at the end frame or at the
 * first bad frame. Then `offset` is the end of the last good frame, and the other fields describe the frames that
 * were read.
 */
export class FrameReader {
  offset = fileHeaderBytes;
  checksum: number;
  /** The first sequence of the next frame. In a snapshot, up to its horizon, the lowest possible one. */
  nextSequence: number;
  /** The number of transactions in the frames so far. */
  count = 0;
  frames = 0;
  /** Whether the end frame was read. */
  ended = false;

  readonly #file: File;
  readonly #header: FileHeader;
  readonly #marker: number;
  readonly #chunkBytes: number;
  readonly #end: number;
  #buffer = Buffer.alloc(0);
  /** In a snapshot: whether its horizon was passed. Transactions after it are complete. */
  #passedHorizon = false;
  /** The unread part of the buffer. */
  #from = 0;
  #to = 0;
  /** The bytes that the next frame needs; 0 when no good frame can follow. */
  #needed = frameHeaderBytes;

  /** `header` is the intact header of the file. */
  constructor(file: File, header: FileHeader, { end, chunkBytes = defaultChunkBytes }: FrameReaderOptions) {
    this.#file = file;
    this.#header = header;
    this.#marker = frameMarker(header.logId);
    this.#chunkBytes = chunkBytes;
    this.#end = end;
    this.checksum = header.checksum;
    this.nextSequence = header.kind === "segment" ? header.sequence : 1;
  }

  /**
   * Yields all frames, in groups that are in memory together. A payload is valid until the next group is requested.
   */
  async *groups(): AsyncGenerator<readonly Frame[]> {
    do {
      const group: Frame[] = [];
      for (let frame = this.#take(); frame; frame = this.#take()) group.push(frame);
      if (group.length > 0) yield group;
    } while (await this.#more());
  }

  /** Checks all frames. Afterwards the fields describe them. */
  async readAll(): Promise<void> {
    do while (this.#take());
    while (await this.#more());
  }

  /** The next complete frame in the buffer. */
  #take(): Frame | undefined {
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
    const end = offset + bytes;
    this.#from += bytes;
    this.offset = end;
    this.checksum = checksum;
    this.frames++;
    this.#advance(header);
    const { kind, firstSequence, count } = header;
    const { version } = this.#header;
    return { version, kind, firstSequence, count, payload, offset, end, checksum };
  }

  /** Reads the next bytes. False at the end, and where no good frame can follow. */
  async #more(): Promise<boolean> {
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
    const { version, kind, sequence } = this.#header;
    const { firstSequence, count } = header;
    const inSegment = kind === "segment";
    // In a snapshot, complete transactions begin directly after the horizon.
    const isNext = firstSequence === (inSegment || this.#passedHorizon ? this.nextSequence : sequence + 1);
    const isLater = firstSequence >= this.nextSequence;
    switch (header.kind) {
      case frameKinds.transactions:
        return count > 0 && isNext && isLater && (inSegment || version > 1);
      case frameKinds.endOfSegment:
        return count === 0 && isNext && inSegment;
      case frameKinds.snapshot:
        return count > 0 && isLater && !inSegment && !this.#passedHorizon;
      case frameKinds.endOfSnapshot:
        return count === this.count && isNext && isLater && !inSegment;
    }
  }

  #advance(header: FrameHeader): void {
    if (header.kind === frameKinds.endOfSegment || header.kind === frameKinds.endOfSnapshot) {
      this.ended = true;
      this.nextSequence = header.firstSequence;
      this.#needed = 0;
      return;
    }
    this.count += header.count;
    this.nextSequence = header.firstSequence + header.count;
    this.#passedHorizon = header.kind === frameKinds.transactions;
    this.#needed = frameHeaderBytes;
  }

  #stop(): undefined {
    this.#needed = 0;
  }
}
