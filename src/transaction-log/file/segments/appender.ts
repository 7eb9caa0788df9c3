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

/** Writes frames behind the last durable one, and goes on in a new segment when one is full. One call at a time. */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #marker: number;
  readonly #encoder: FrameEncoder;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#marker = frameMarker(options.files.logId);
    this.#encoder = new FrameEncoder(this.#marker, frameKinds.transactions);
  }

  /** Resolves when they are durable. Rejects with LOG_UNAVAILABLE or OUTCOME_UNKNOWN. */
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
    active.checksum = files.lastChecksum = this.#encoder.checksum;
    files.lastSequence += transactions.length;
    // On a full disk the room is for the next compaction.
    if (active.offset > segmentBytes / 4 && !health.deletesOnly) spare.prepare();
    upkeep.soon();
  }

  /** The frame to write next, which goes to a new segment when it is too long for this one. */
  async #encode(transactions: readonly Transaction[]): Promise<Buffer> {
    const { files, segmentBytes } = this.#options;
    const encoder = this.#encoder;
    encoder.begin(files.lastSequence);
    let sequence = files.lastSequence;
    for (const transaction of transactions) {
      // It is not written but counted.
      if (transaction.sequence !== ++sequence) {
        throw new Error(`sequence ${transaction.sequence} stands where ${sequence} should`);
      }
      encoder.add(transaction);
    }
    const endOffset = files.active.offset + encoder.payloadBytes + 2 * frameOverheadBytes;
    // A segment of an older format ends where this release begins to write.
    const isOlder = files.active.version !== formatVersion;
    if (endOffset > segmentBytes || isOlder) await this.rotate();
    try {
      return encoder.finish(files.active.checksum);
    } catch (error) {
      throw new DuetError("LOG_UNAVAILABLE", "the batch is too long for the log", { cause: error });
    }
  }

  /**
   * Puts a new segment in place and only then ends the old one: an end without a successor means that it was lost. Does
   * nothing when the active segment is empty. Rejects with LOG_UNAVAILABLE.
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
      // Nothing has changed, so nothing has to heal.
      if (health.lost || error === health.fullError) throw error;
      if (created) await closeQuietly(created.file);
      health.fail("a new segment of the log could not be made", error);
      throw new DuetError("LOG_UNAVAILABLE", "a new segment of the log could not be made", { cause: error });
    }
    await closeQuietly(old.file);
    files.rotated(created);
    await upkeep.recordDurable();
    void upkeep.measure();
  }

  /** Gives up the reserve when there is no space left. Rejects with the error of a full log when that does not help. */
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
