import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import type {
  AppendOutcome,
  LogUsage,
  Retention,
  Transaction,
  TransactionLogger,
} from "../transaction-logger.ts";
import { closeQuietly, type FileSystem } from "./file-system.ts";
import { Health } from "./health.ts";
import { lockDirectory } from "./lock.ts";
import { LogDirectory } from "./log-directory.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { type OpenedLog, readLog } from "./opening.ts";
import { Appender } from "./segments/appender.ts";
import { writeSnapshot } from "./segments/compaction.ts";
import { healLog } from "./segments/healing.ts";
import type { LogFiles } from "./segments/log-files.ts";
import { LogReader } from "./segments/log-reader.ts";
import { Upkeep } from "./upkeep.ts";

export interface FileTransactionLoggerOptions {
  /** Created when it is missing. */
  readonly directory: string;
  readonly log?: LogSink;
  /**
   * The size to which a segment is filled with zeros in advance; a longer frame makes its segment longer. Default: 16
   * MiB, or less on a small disk.
   */
  readonly segmentBytes?: number;
  /**
   * The delay before the first attempt to recover from a failed write, in milliseconds. It doubles up to fifty times
   * this.
   */
  readonly recoveryDelayMs?: number;
  /**
   * The interval at which the durable sequence is recorded and free space measured while the log grows, in
   * milliseconds.
   */
  readonly watchDelayMs?: number;
  /** Called after each durable append. */
  readonly onSync?: (milliseconds: number, bytes: number) => void;
  readonly fileSystem?: FileSystem;
}

/** A log in the files of one directory, with one writer. Made by `openFileTransactionLogger`; see docs/log-format.md. */
export class FileTransactionLogger implements TransactionLogger {
  readonly shared = false;
  readonly #opened: OpenedLog;
  readonly #files: LogFiles;
  readonly #health: Health;
  readonly #upkeep: Upkeep;
  readonly #appender: Appender;
  /** Files that earlier compactions could not remove. */
  #obsolete: string[] = [];
  /** The append, rotation or recovery that is under way. */
  #busy: Promise<unknown> | undefined;
  #compaction: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(opened: OpenedLog, options: FileTransactionLoggerOptions) {
    const { files, space, mark, spare, segmentBytes, sink } = opened;
    this.#opened = opened;
    this.#files = files;
    const heal = () => this.#exclusively(() => healLog(files, upkeep, segmentBytes));
    const health = new Health({ ...opened, heal });
    const upkeep = new Upkeep({ files, health, mark, space, sink, delayMs: options.watchDelayMs ?? 2000 });
    this.#health = health;
    this.#upkeep = upkeep;
    this.#appender = new Appender({ files, health, upkeep, spare, segmentBytes, onSync: options.onSync });
  }

  get id(): string {
    return this.#files.logId.toString("hex");
  }

  get horizon(): number {
    return this.#files.horizon;
  }

  get fault(): Error | undefined {
    return this.#health.fault;
  }

  get deletesOnly(): boolean {
    return this.#health.deletesOnly;
  }

  get compactionWanted(): boolean {
    return this.#opened.space.compactionWanted && !this.#health.atFault && this.#closing === undefined;
  }

  /** The bytes in use, without preallocated space. */
  get bytes(): number {
    return this.#files.bytes;
  }

  get usage(): LogUsage {
    const { freeBytes } = this.#opened.space;
    const { appendedBytes } = this.#appender;
    return { bytes: this.bytes, appendedBytes, ...(freeBytes !== undefined && { diskFreeBytes: freeBytes }) };
  }

  get segments(): number {
    return this.#files.segments;
  }

  async *readTransactions(after: number): AsyncIterable<readonly Transaction[]> {
    const reader = await this.#files.openReader(after);
    try {
      yield* reader.transactions(after);
    } finally {
      await reader.close();
    }
  }

  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    this.#assertTakes(transactions);
    return this.#exclusively(async () => {
      this.#assertTakes(transactions);
      const { lastSequence } = this.#files;
      if (basis !== lastSequence) return { appended: false, latest: lastSequence };
      if (transactions.length > 0) await this.#appender.append(transactions);
      return { appended: true };
    });
  }

  async *follow(_after: number, signal: AbortSignal): AsyncIterable<readonly Transaction[]> {
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    yield* [];
  }

  async latestSequence(): Promise<number> {
    return this.#files.lastSequence;
  }

  applied(): void {}

  compact(retention: Retention): Promise<void> {
    this.#compaction ??= this.#compact(retention).finally(() => {
      this.#compaction = undefined;
    });
    return this.#compaction;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Records the durable sequence that was read, and measures the free space for the first time. */
  async begin(): Promise<void> {
    await this.#upkeep.recordDurable();
    await this.#upkeep.measure();
  }

  async #close(): Promise<void> {
    await this.#compaction?.catch(() => {});
    await this.#health.close();
    await this.#busy?.catch(() => {});
    await this.#upkeep.close();
    await this.#opened.spare.discard();
    await closeQuietly(this.#files.active.file);
    await this.#opened.lock.release();
  }

  #assertTakes(transactions: readonly Transaction[]): void {
    if (this.#closing) throw new DuetError("LOG_UNAVAILABLE", "the log is closed");
    this.#health.assertTakes(transactions);
  }

  /** Runs appends, rotations and recovery one after the other. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    while (this.#busy) await this.#busy.catch(() => {});
    const run = work();
    this.#busy = run;
    try {
      return await run;
    } finally {
      this.#busy = undefined;
    }
  }

  async #compact(retention: Retention): Promise<void> {
    const { horizon } = retention;
    if (horizon <= this.horizon) return;
    this.#assertTakes([]);
    const { lastSequence } = this.#files;
    if (horizon > lastSequence) {
      throw new Error(`the horizon ${horizon} is after the newest sequence, ${lastSequence}`);
    }
    const begin = performance.now();
    let succeeded = false;
    try {
      await this.#replaceByRetained(retention);
      succeeded = true;
    } catch (error) {
      if (error instanceof DuetError && error.reason === "LOG_CORRUPT") this.#health.damaged(error);
      throw error;
    } finally {
      this.#opened.space.compacted(performance.now() - begin, succeeded);
      await this.#upkeep.measure();
    }
  }

  /** Writes the snapshot and removes the files that it replaces. */
  async #replaceByRetained(retention: Retention): Promise<void> {
    const { directory, logId } = this.#files;
    const { horizon } = retention;
    await this.#exclusively(async () => {
      this.#assertTakes([]);
      await this.#health.assertLocked();
      if (horizon >= this.#files.active.firstSequence) await this.#appender.rotate();
    });
    const boundary = this.#files.boundaryAfter(horizon);
    const old = this.#files.sealed(boundary.last);
    const isStopped = () => this.#closing !== undefined;
    const write = async () => {
      const source = await LogReader.open(directory, logId, old);
      try {
        return await writeSnapshot({ directory, logId, retention, boundary, source, isStopped });
      } finally {
        await source.close();
      }
    };
    const snapshot = await write().catch(async (error: unknown) => {
      if (!(await this.#upkeep.noteNoSpace(error))) throw error;
      return write();
    });
    this.#files.compacted(snapshot, boundary);
    this.#obsolete.push(...old.map(({ name }) => name));
    try {
      await directory.removeDurably(this.#obsolete);
      this.#obsolete = [];
    } catch (error) {
      const message = "old files of the log could not be removed; the next compaction tries again";
      this.#opened.sink.warn({ err: error }, message);
    }
  }
}

/**
 * Opens the log in a directory. Resolves when the whole log was read without damage, a torn end was cut off, and
 * appends are possible. Rejects with LOG_LOCKED, LOG_CORRUPT or LOG_VERSION, without any change, or with the error of
 * the file system.
 */
export async function openFileTransactionLogger(
  options: FileTransactionLoggerOptions,
): Promise<FileTransactionLogger> {
  const directory = new LogDirectory(options.fileSystem ?? nodeFileSystem, options.directory);
  await directory.make();
  const lock = await lockDirectory(directory);
  try {
    const log = new FileTransactionLogger(await readLog(directory, lock, options), options);
    await log.begin();
    return log;
  } catch (error) {
    await lock.release();
    throw error;
  }
}
