import type { LogSink } from "../../log-sink.ts";
import { reserveName, temporaryName } from "../file-names.ts";
import { fillWithZeros } from "../file-system.ts";
import type { LogDirectory } from "../log-directory.ts";

/** While the disk is full, the pause after a compaction is so many times as long as the compaction. */
const pauseFactor = 10;

export interface DiskSpaceOptions {
  readonly directory: LogDirectory;
  readonly segmentBytes: number;
  /** The least pause between two compactions that the disk asked for. */
  readonly pauseMs: number;
  readonly sink: LogSink;
  /** Whether the reserve is there already. */
  readonly hasReserve: boolean;
}

/** What the log occupies, without what is allocated ahead. */
export interface LogBytes {
  readonly total: number;
  readonly snapshot: number;
  /** Appended since the last compaction. */
  readonly appended: number;
}

/**
 * Watches the room on the disk of the log.
 *
 * A compaction writes a copy of all that is live before it removes anything. So there must always be room for a copy of
 * the log and one more segment: when there is not, the log is full and takes deletes only. Deletes need little, and the
 * compaction after them makes room. Before that point, compactions are asked for earlier than the owner would do them.
 *
 * Others may fill the disk all the same. For that the log keeps a file of zeros as long as a segment, the reserve, and
 * gives it up when the file system has no space left. It is made again when there is room.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  #full = false;
  #compactionWanted = false;
  #hasReserve: boolean;
  #compactionFailed = false;
  /** By the monotonic clock. */
  #pausedUntil = 0;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
    this.#hasReserve = options.hasReserve;
  }

  /** Puts are refused. */
  get full(): boolean {
    return this.#full;
  }

  /** As of the last `measure`. */
  get compactionWanted(): boolean {
    return this.#compactionWanted;
  }

  /** Looks at the disk, and makes the reserve when there is room and none is there. */
  async measure({ total, snapshot, appended }: LogBytes): Promise<void> {
    const { directory, segmentBytes } = this.#options;
    const { freeBytes } = await directory.space();
    const room = freeBytes - total - segmentBytes;
    // Not at the same mark, so that it does not change with every write.
    this.#setFull(this.#full ? room < segmentBytes / 4 : room < 0, freeBytes);
    // A rotation takes two segments of the room: one of the disk, and one more to copy.
    const isTight = room < 4 * segmentBytes && appended >= Math.max(segmentBytes, snapshot) / 4;
    // A full log is compacted for the little that deletes have freed, so that must not take all the time.
    const isPaused = performance.now() < this.#pausedUntil;
    this.#compactionWanted =
      (isTight && !(this.#compactionFailed && isPaused)) || (this.#full && appended > 0 && !isPaused);
    if (!this.#hasReserve && room >= 2 * segmentBytes) await this.#makeReserve();
  }

  /** A write found no space left, whatever the file system says of its free space. True when that may help to try again. */
  async exhausted(): Promise<boolean> {
    const { directory, sink } = this.#options;
    this.#setFull(true, 0);
    if (!this.#hasReserve) return false;
    this.#hasReserve = false;
    await directory.remove(reserveName);
    sink.warn({ directory: directory.path }, "reserve of the log given up, no space left on the disk");
    return true;
  }

  /** To be called when a compaction has ended. */
  compacted(milliseconds: number, succeeded: boolean): void {
    this.#compactionWanted = false;
    this.#compactionFailed = !succeeded;
    this.#pausedUntil = performance.now() + Math.max(this.#options.pauseMs, pauseFactor * milliseconds);
  }

  #setFull(full: boolean, freeBytes: number): void {
    if (full === this.#full) return;
    this.#full = full;
    const { sink, directory } = this.#options;
    if (full) sink.warn({ directory: directory.path, freeBytes }, "log full, only deletes are accepted");
    else sink.info({ directory: directory.path, freeBytes }, "log has room again, all writes are accepted");
  }

  /**
   * Best effort: without it the log is as safe, and takes fewer deletes when the disk is full. It gets its name when it is
   * whole, so that a crash does not leave a short one.
   */
  async #makeReserve(): Promise<void> {
    const { directory, segmentBytes, sink } = this.#options;
    const temporary = temporaryName(reserveName);
    try {
      await directory.withFile(temporary, "createDurable", (file) => fillWithZeros(file, 0, segmentBytes));
      await directory.rename(temporary, reserveName);
      this.#hasReserve = true;
    } catch (error) {
      sink.warn({ err: error, directory: directory.path }, "reserve of the log not made");
      await directory.remove(temporary).catch(() => {});
    }
  }
}

/** Whether an error of the file system says that the disk, or a quota, is full. */
export function isNoSpace(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}
