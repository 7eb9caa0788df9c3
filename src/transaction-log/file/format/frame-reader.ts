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
  /** Of the format of its file. */
  readonly version: number;
  readonly kind: FrameKind;
  readonly firstSequence: number;
  readonly count: number;
  /** Points into the buffer of the reader: valid until it reads on. */
  readonly payload: Buffer;
  /** Where in the file it begins. */
  readonly offset: number;
  /** Where in the file it ends. */
  readonly end: number;
  /** What the next frame chains to. */
  readonly checksum: number;
}

export interface FrameReaderOptions {
  /** Nothing from here on is read. */
  readonly end: number;
  /** What is read at once, and so checked without a pause. */
  readonly chunkBytes?: number;
}

/** False for end frames. */
export function holdsTransactions({ kind }: Frame): boolean {
  return kind === frameKinds.transactions || kind === frameKinds.snapshot;
}

/**
 * Reads the frames of one file in order, each checked against the one before, up to the end frame or the first frame that
 * is not good. Afterwards `offset` is behind the last good frame, and the other fields tell what was there.
 */
export class FrameReader {
  offset = fileHeaderBytes;
  checksum: number;
  /** The first sequence of the next frame; before that of the first whole transaction of a snapshot the least it can be. */
  nextSequence: number;
  /** Transactions in the frames so far. */
  count = 0;
  frames = 0;
  /** The end frame was read. */
  ended = false;

  readonly #file: File;
  readonly #header: FileHeader;
  readonly #marker: number;
  readonly #chunkBytes: number;
  readonly #end: number;
  #buffer = Buffer.alloc(0);
  /** In a snapshot: its horizon was passed, and transactions are whole from now on. */
  #passedHorizon = false;
  /** What of the buffer is not yet taken. */
  #from = 0;
  #to = 0;
  /** Bytes that the next frame needs; 0 when no good one can follow. */
  #needed = frameHeaderBytes;

  /** `header` is that of the file, and good. */
  constructor(file: File, header: FileHeader, { end, chunkBytes = defaultChunkBytes }: FrameReaderOptions) {
    this.#file = file;
    this.#header = header;
    this.#marker = frameMarker(header.logId);
    this.#chunkBytes = chunkBytes;
    this.#end = end;
    this.checksum = header.checksum;
    this.nextSequence = header.kind === "segment" ? header.sequence : 1;
  }

  /** All frames, in groups that are in memory at once: a payload is valid until the next group is asked for. */
  async *groups(): AsyncGenerator<readonly Frame[]> {
    do {
      const group: Frame[] = [];
      for (let frame = this.#take(); frame; frame = this.#take()) group.push(frame);
      if (group.length > 0) yield group;
    } while (await this.#more());
  }

  /** Checks all frames, for the fields that are left behind. */
  async readAll(): Promise<void> {
    do while (this.#take());
    while (await this.#more());
  }

  /** The next frame of what is in memory. */
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

  /** Reads on. False at the end, and where no good frame follows. */
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
    // In a snapshot what is whole begins right after the horizon.
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
