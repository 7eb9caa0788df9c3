import { encodeFileHeader, fileHeaderBytes } from "../file/format/file-header.ts";
import { encodeEndFrame, frameKinds, frameMarker } from "../file/format/frame.ts";
import { FrameEncoder } from "../file/format/frame-encoder.ts";
import type { Transaction } from "../transaction-logger.ts";

const framePayloadBytes = 64 * 1024;

/**
 * Encodes a snapshot file. Its bytes are, in order, the results of `begin`, of each `add`, of `passHorizon` before
 * the first transaction after the horizon, and of `end`. A result is valid until the next call.
 */
export class SnapshotEncoder {
  readonly #logId: Buffer;
  #frame: FrameEncoder;
  /** Whether the frame has transactions that were not yet returned. */
  #isOpen = false;
  #horizon = 0;
  #checksum = 0;
  #count = 0;

  /** `logId` is 8 bytes. */
  constructor(logId: Buffer) {
    this.#logId = logId;
    this.#frame = new FrameEncoder(frameMarker(logId), frameKinds.snapshot);
  }

  /** `previousChecksum` is the checksum of the last frame that the snapshot replaces; 0 outside of a log. */
  begin(horizon: number, previousChecksum: number): Buffer {
    this.#horizon = horizon;
    const header = encodeFileHeader({
      kind: "snapshot",
      logId: this.#logId,
      sequence: horizon,
      previousChecksum,
    });
    this.#checksum = header.readUInt32LE(fileHeaderBytes - 4);
    return header;
  }

  /** Adds a transaction, in order of sequence. Returns a frame when one is full. */
  add(transaction: Transaction): Buffer | undefined {
    if (!this.#isOpen) this.#frame.begin(transaction.sequence - 1);
    this.#isOpen = true;
    this.#frame.add(transaction);
    return this.#frame.payloadBytes < framePayloadBytes ? undefined : this.#finish();
  }

  /**
   * The following transactions are complete and have no gaps. Returns the last frame before them, unless it is empty.
   */
  passHorizon(): Buffer | undefined {
    const last = this.#isOpen ? this.#finish() : undefined;
    this.#frame = new FrameEncoder(frameMarker(this.#logId), frameKinds.transactions);
    return last;
  }

  /**
   * Returns the last frame, unless it is empty, and the end frame with the count of all transactions. `last` is the
   * sequence of the last frame that the snapshot replaces; by default the horizon.
   */
  *end(last = this.#horizon): Generator<Buffer, void> {
    if (this.#isOpen) yield this.#finish();
    yield encodeEndFrame(frameMarker(this.#logId), {
      kind: frameKinds.endOfSnapshot,
      count: this.#count,
      firstSequence: last + 1,
      previousChecksum: this.#checksum,
    });
  }

  #finish(): Buffer {
    const bytes = this.#frame.finish(this.#checksum);
    this.#checksum = this.#frame.checksum;
    this.#count += this.#frame.count;
    this.#isOpen = false;
    return bytes;
  }
}
