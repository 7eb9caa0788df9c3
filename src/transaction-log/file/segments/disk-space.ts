import type { LogSink } from "../../log-sink.ts";
import { reserveName, temporaryName } from "../file-names.ts";
import { fillWithZeros } from "../file-system.ts";
import type { LogDirectory } from "../log-directory.ts";

/** While the disk is full, the pause after a compaction is this many times the duration of the compaction. */
const pauseFactor = 10;

export interface DiskSpaceOptions {
  readonly directory: LogDirectory;
  readonly segmentBytes: number;
  /** The shortest pause between two compactions that the disk requires. */
  readonly pauseMs: number;
  readonly sink: LogSink;
  /** Whether the reserve exists already. */
  readonly hasReserve: boolean;
}

/** The bytes of the log, without preallocated space. */
export interface LogBytes {
  readonly total: number;
  readonly snapshot: number;
  /** The bytes that were appended since the last compaction. */
  readonly appended: number;
}

/**
 * Watches the free space on the log's disk.
 *
 * A compaction copies all live transactions before it removes anything. So there must always be room for a copy of
 * the log and one more segment. Otherwise the log is full and accepts deletes only. Deletes need little space, and the
 * next compaction makes room. Before that point the log requests compactions earlier than its owner would run them.
 *
 * Other programs may fill the disk, too. So the log keeps a file of zeros with the size of a segment, the reserve, and
 * removes it when the file system is full. It is created again when there is room.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  #full = false;
  #compactionWanted = false;
  #freeBytes: number | undefined = undefined;
  #hasReserve: boolean;
  #compactionFailed = false;
  /** A time of the monotonic clock, in milliseconds. */
  #pausedUntil = 0;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
    this.#hasReserve = options.hasReserve;
  }

  /** Whether puts are refused. */
  get full(): boolean {
    return this.#full;
  }

  /** Whether the disk requires a compaction, as of the last `measure`. */
  get compactionWanted(): boolean {
    return this.#compactionWanted;
  }

  /** As of the last `measure`; undefined before it. */
  get freeBytes(): number | undefined {
    return this.#freeBytes;
  }

  /** Measures the free space, and creates the reserve if it is missing and there is room. */
  async measure({ total, snapshot, appended }: LogBytes): Promise<void> {
    const { directory, segmentBytes } = this.#options;
    const { freeBytes } = await directory.space();
    this.#freeBytes = freeBytes;
    const room = freeBytes - total - segmentBytes;
    // The two thresholds differ, so that the state does not change with every write.
    this.#setFull(this.#full ? room < segmentBytes / 4 : room < 0, freeBytes);
    // A rotation takes the room of two segments: one on the disk, and one more to copy.
    const isTight = room < 4 * segmentBytes && appended >= Math.max(segmentBytes, snapshot) / 4;
    // A full log is compacted even if deletes have freed little. The pause keeps compactions from taking all the
    // time.
    const isPaused = performance.now() < this.#pausedUntil;
    this.#compactionWanted =
      (isTight && !(this.#compactionFailed && isPaused)) || (this.#full && appended > 0 && !isPaused);
    if (!this.#hasReserve && room >= 2 * segmentBytes) await this.#makeReserve();
  }

  /**
   * Call it when a write failed for lack of space, whatever the file system reports as free. Resolves with true when
   * the write should be tried again.
   */
  async exhausted(): Promise<boolean> {
    const { directory, sink } = this.#options;
    this.#setFull(true, 0);
    if (!this.#hasReserve) return false;
    this.#hasReserve = false;
    await directory.remove(reserveName);
    sink.warn({ directory: directory.path }, "reserve file removed, no space left on the disk");
    return true;
  }

  /** Must be called when a compaction has ended. */
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
   * Best effort: without the reserve the log is as safe, but accepts fewer deletes on a full disk. It is renamed when
   * it is complete, so that a crash does not leave a short one.
   */
  async #makeReserve(): Promise<void> {
    const { directory, segmentBytes, sink } = this.#options;
    const temporary = temporaryName(reserveName);
    try {
      await directory.withFile(temporary, "createDurable", (file) => fillWithZeros(file, 0, segmentBytes));
      await directory.rename(temporary, reserveName);
      this.#hasReserve = true;
    } catch (error) {
      sink.warn({ err: error, directory: directory.path }, "creation of the reserve file failed");
      await directory.remove(temporary).catch(() => {});
    }
  }
}

/** Whether an error means that the disk, or a quota, is full. */
export function isNoSpace(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}
