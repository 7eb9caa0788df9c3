import { encodeFileHeader, fileHeaderBytes } from "../file/format/file-header.ts";
import { encodeEndFrame, frameKinds, frameMarker } from "../file/format/frame.ts";
import { FrameEncoder } from "../file/format/frame-encoder.ts";
import type { Transaction } from "../transaction-logger.ts";

const framePayloadBytes = 64 * 1024;

/**
 * Makes the bytes of a snapshot file, in this order: those of `begin`, of each `add` that returns some, of `passHorizon`
 * before the first transaction after the horizon, and of `end`. What a method returns is valid until the next call.
 */
export class SnapshotEncoder {
  readonly #logId: Buffer;
  #frame: FrameEncoder;
  /** The frame has transactions that were not returned yet. */
  #isOpen = false;
  #horizon = 0;
  #checksum = 0;
  #count = 0;

  /** `logId` is 8 bytes. */
  constructor(logId: Buffer) {
    this.#logId = logId;
    this.#frame = new FrameEncoder(frameMarker(logId), frameKinds.snapshot);
  }

  /** `previousChecksum` is that of the last frame that the snapshot replaces; 0 outside of a log. */
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

  /** Transactions come in order of sequence. Returns a frame when one is full. */
  add(transaction: Transaction): Buffer | undefined {
    if (!this.#isOpen) this.#frame.begin(transaction.sequence - 1);
    this.#isOpen = true;
    this.#frame.add(transaction);
    return this.#frame.payloadBytes < framePayloadBytes ? undefined : this.#finish();
  }

  /** From now on transactions are whole and without gaps. Returns the last frame before, unless it is empty. */
  passHorizon(): Buffer | undefined {
    const last = this.#isOpen ? this.#finish() : undefined;
    this.#frame = new FrameEncoder(frameMarker(this.#logId), frameKinds.transactions);
    return last;
  }

  /**
   * The last frame, unless it is empty, and the end frame, which has the count of all transactions. `last`: the sequence of
   * the last frame that the snapshot replaces; by default the horizon.
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
