import { DuetError } from "../../../errors.ts";
import type { Transaction } from "../../transaction-logger.ts";
import { closeQuietly, writeDurably } from "../file-system.ts";
import { fileHeaderBytes, formatVersion } from "../format/file-header.ts";
import { encodeEndFrame, frameKinds, frameMarker, frameOverheadBytes } from "../format/frame.ts";
import { FrameEncoder } from "../format/frame-encoder.ts";
import type { Health } from "../health.ts";
import type { Upkeep } from "../upkeep.ts";
import { isNoSpace } from "./disk-space.ts";
import type { LogFiles } from "./log-files.ts";
import { type ActiveSegment, type PreparedSegment, placeSegment, prepareSegment } from "./segment.ts";
import type { SpareSegment } from "./spare-segment.ts";

export interface AppenderOptions {
  readonly files: LogFiles;
  readonly health: Health;
  readonly upkeep: Upkeep;
  readonly spare: SpareSegment;
  readonly segmentBytes: number;
  readonly onSync: ((milliseconds: number, bytes: number) => void) | undefined;
}

/** Writes frames after the last durable one, and continues in a new segment when one is full. One call at a time. */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #marker: number;
  readonly #encoder: FrameEncoder;
  /** Since the log was opened. */
  appendedBytes = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#marker = frameMarker(options.files.logId);
    this.#encoder = new FrameEncoder(this.#marker, frameKinds.transactions);
  }

  /** Resolves when the transactions are durable. Rejects with LOG_UNAVAILABLE or OUTCOME_UNKNOWN. */
  async append(transactions: readonly Transaction[]): Promise<void> {
    const { files, health, upkeep, spare, segmentBytes, onSync } = this.#options;
    const frame = await this.#encode(transactions);
    const { active } = files;
    const begin = onSync ? performance.now() : 0;
    try {
      await writeDurably(active.file, frame, active.offset);
    } catch (error) {
      await upkeep.noteNoSpace(error);
      health.fail("a write to the log failed", error);
      throw new DuetError("OUTCOME_UNKNOWN", "a write to the log failed, and part of it may be on disk", {
        cause: error,
      });
    }
    onSync?.(performance.now() - begin, frame.length);
    active.offset += frame.length;
    this.appendedBytes += frame.length;
    active.checksum = files.lastChecksum = this.#encoder.checksum;
    files.lastSequence += transactions.length;
    // On a full disk the space is needed for the next compaction.
    if (active.offset > segmentBytes / 4 && !health.deletesOnly) spare.prepare();
    upkeep.soon();
  }

  /** Encodes the next frame. Begins a new segment when the frame does not fit into the active one. */
  async #encode(transactions: readonly Transaction[]): Promise<Buffer> {
    const { files, segmentBytes } = this.#options;
    const encoder = this.#encoder;
    encoder.begin(files.lastSequence);
    let sequence = files.lastSequence;
    for (const transaction of transactions) {
      // Sequences are implicit in a frame.
      if (transaction.sequence !== ++sequence) {
        throw new Error(`transaction ${transaction.sequence} was appended in place of ${sequence}`);
      }
      encoder.add(transaction);
    }
    const endOffset = files.active.offset + encoder.payloadBytes + 2 * frameOverheadBytes;
    // A segment of an older format gets no frames of this release.
    const isOlder = files.active.version !== formatVersion;
    if (endOffset > segmentBytes || isOlder) await this.rotate();
    try {
      return encoder.finish(files.active.checksum);
    } catch (error) {
      throw new DuetError("LOG_UNAVAILABLE", "the batch is too large for one frame of the log", {
        cause: error,
      });
    }
  }

  /**
   * Begins a new segment and only then ends the old one: an end frame without a successor means that the successor
   * was lost. Does nothing when the active segment is empty. Rejects with LOG_UNAVAILABLE.
   */
  async rotate(): Promise<void> {
    const { files, health, upkeep } = this.#options;
    const old = files.active;
    if (old.offset === fileHeaderBytes) return;
    let created: ActiveSegment | undefined;
    try {
      await health.assertLocked();
      created = await placeSegment(files.directory, await this.#prepareSegment());
      const endFrame = encodeEndFrame(this.#marker, {
        kind: frameKinds.endOfSegment,
        count: 0,
        firstSequence: files.lastSequence + 1,
        previousChecksum: old.checksum,
      });
      await writeDurably(old.file, endFrame, old.offset);
    } catch (error) {
      // Nothing has changed, so healing is not needed.
      if (health.lost || error === health.fullError) throw error;
      if (created) await closeQuietly(created.file);
      health.fail("a new segment of the log could not be created", error);
      throw new DuetError("LOG_UNAVAILABLE", "a new segment of the log could not be created", {
        cause: error,
      });
    }
    await closeQuietly(old.file);
    files.rotated(created);
    await upkeep.recordDurable();
    void upkeep.measure();
  }

  /**
   * Prepares the next segment, and gives up the reserve when the disk is full. Rejects with the error of a full log
   * when that does not help.
   */
  async #prepareSegment(): Promise<PreparedSegment> {
    const { files, health, upkeep, spare } = this.#options;
    const { directory, logId, lastSequence, lastChecksum } = files;
    const start = { logId, firstSequence: lastSequence + 1, previousChecksum: lastChecksum };
    const prepare = () => prepareSegment(directory, spare, start);
    return prepare()
      .catch(async (error: unknown) => {
        if (!(await upkeep.noteNoSpace(error))) throw error;
        return prepare();
      })
      .catch((error: unknown) => {
        throw isNoSpace(error) ? health.fullError : error;
      });
  }
}
