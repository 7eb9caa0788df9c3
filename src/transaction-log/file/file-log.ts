import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import type { AppendOutcome, Transaction, TransactionLogger } from "../transaction-logger.ts";
import { type Snapshot, type SnapshotRequest, writeSnapshot } from "./compaction.ts";
import { sortDirectory } from "./directory.ts";
import { type DiskSpace, isNoSpace, type LogBytes } from "./disk-space.ts";
import type { DurableMark } from "./durable-mark.ts";
import { fileHeaderBytes } from "./file-header.ts";
import { closeQuietly, type FileSystem, writeDurably } from "./file-system.ts";
import { encodeEndFrame, frameKinds, frameMarker, frameOverheadBytes } from "./frame.ts";
import { FrameEncoder } from "./frame-encoder.ts";
import type { DirectoryLock } from "./lock.ts";
import { LogReader, type ReadableFile } from "./log-reader.ts";
import { removeFiles } from "./recovery.ts";
import {
  type ActiveSegment,
  type PreparedSegment,
  placeSegment,
  prepareSegment,
  rewriteSegment,
} from "./segment.ts";
import type { SpareSegment } from "./spare-segment.ts";

/** A segment that ends in an end frame. */
export interface SealedSegment {
  readonly name: string;
  readonly firstSequence: number;
  readonly bytes: number;
}

/** What opening the log found, and what it needs to go on. */
export interface LogState {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly lock: DirectoryLock;
  readonly logId: Buffer;
  readonly spare: SpareSegment;
  readonly mark: DurableMark;
  readonly space: DiskSpace;
  readonly segmentBytes: number;
  readonly recoveryDelayMs: number;
  readonly watchDelayMs: number;
  readonly sink: LogSink;
  readonly onSync: ((milliseconds: number, bytes: number) => void) | undefined;
  readonly snapshot: Snapshot | undefined;
  readonly sealed: readonly SealedSegment[];
  readonly active: ActiveSegment;
  readonly lastSequence: number;
  /** Of the last frame that holds transactions. */
  readonly lastChecksum: number;
}

/** A log in the files of one directory, with one writer. Made by `openFileTransactionLogger`; see docs/log-format.md. */
export class FileLog implements TransactionLogger {
  readonly shared = false;
  readonly #state: LogState;
  readonly #marker: number;
  readonly #encoder: FrameEncoder;
  #snapshot: Snapshot | undefined;
  /** Replaced, never changed, so that a reader can tell. */
  #sealed: readonly SealedSegment[];
  #active: ActiveSegment;
  #lastSequence: number;
  #lastChecksum: number;
  /** Files that a compaction could not remove. */
  #obsolete: string[] = [];
  /** The append or rotation that is under way. */
  #busy: Promise<unknown> | undefined;
  #compaction: Promise<void> | undefined;
  #fault: DuetError | undefined;
  #healing: Promise<void> | undefined;
  #healingTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #watching: Promise<void> | undefined;
  /** The lock file is not ours any more. That cannot heal: another process may have opened the log. */
  #lockLost = false;
  #measuring: Promise<void> | undefined;
  readonly #fullError: DuetError;
  #closing: Promise<void> | undefined;

  constructor(state: LogState) {
    this.#state = state;
    this.#marker = frameMarker(state.logId);
    this.#encoder = new FrameEncoder(this.#marker, frameKinds.transactions);
    this.#snapshot = state.snapshot;
    this.#sealed = state.sealed;
    this.#active = state.active;
    this.#lastSequence = state.lastSequence;
    this.#lastChecksum = state.lastChecksum;
    this.#fullError = new DuetError(
      "LOG_UNAVAILABLE",
      `no space left on the disk for the log in ${state.directory}; it takes deletes only until there is room`,
    );
    this.#watchIfNeeded();
  }

  get horizon(): number {
    return this.#snapshot?.horizon ?? 0;
  }

  get fault(): Error | undefined {
    return this.#fault ?? (this.deletesOnly ? this.#fullError : undefined);
  }

  get deletesOnly(): boolean {
    return this.#state.space.full && this.#fault === undefined;
  }

  get compactionWanted(): boolean {
    return this.#state.space.compactionWanted && this.#fault === undefined && this.#closing === undefined;
  }

  /** Bytes in use, without what is allocated ahead. */
  get bytes(): number {
    let bytes = this.#active.offset + (this.#snapshot?.bytes ?? 0);
    for (const segment of this.#sealed) bytes += segment.bytes;
    return bytes;
  }

  get segments(): number {
    return this.#sealed.length + 1;
  }

  async *readTransactions(after: number): AsyncIterable<readonly Transaction[]> {
    const reader = await this.#openReader(after);
    try {
      for await (const frames of reader.frames()) {
        const transactions: Transaction[] = [];
        for (const frame of frames) {
          if (frame.kind === frameKinds.transactions && frame.firstSequence + frame.count - 1 <= after)
            continue;
          for (const transaction of reader.decode(frame)) {
            if (transaction.sequence > after) transactions.push(transaction);
          }
        }
        if (transactions.length > 0) yield transactions;
      }
    } finally {
      await reader.close();
    }
  }

  append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    return this.#exclusively(async () => {
      this.#assertWritable();
      if (basis !== this.#lastSequence) return { appended: false, latest: this.#lastSequence };
      if (this.deletesOnly && transactions.some(({ events }) => events.some(({ type }) => type === "put"))) {
        throw this.#fullError;
      }
      if (transactions.length > 0) await this.#write(transactions);
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
    return this.#lastSequence;
  }

  applied(): void {}

  compact(horizon: number, isLive: (key: string, sequence: number) => boolean): Promise<void> {
    this.#compaction ??= this.#compact(horizon, isLive).finally(() => {
      this.#compaction = undefined;
    });
    return this.#compaction;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#healingTimer);
    clearTimeout(this.#watchTimer);
    await this.#compaction?.catch(() => {});
    await this.#healing;
    await this.#busy?.catch(() => {});
    await this.#watching;
    await this.#measuring;
    await this.#recordDurable();
    await this.#state.mark.close();
    await this.#state.spare.discard();
    await closeQuietly(this.#active.file);
    await this.#state.lock.release();
  }

  /** Appends and rotations come one after the other. */
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

  #assertWritable(): void {
    if (this.#closing) throw new DuetError("LOG_UNAVAILABLE", "the log is closed");
    if (this.#fault)
      throw new DuetError("LOG_UNAVAILABLE", this.#fault.message, { cause: this.#fault.cause });
  }

  async #write(transactions: readonly Transaction[]): Promise<void> {
    const { segmentBytes, onSync, spare } = this.#state;
    const frame = await this.#encode(transactions);
    const active = this.#active;
    const begin = onSync ? performance.now() : 0;
    try {
      await writeDurably(active.file, frame, active.offset);
    } catch (error) {
      await this.#noteNoSpace(error);
      this.#fail("a write to the log failed", error);
      throw new DuetError("OUTCOME_UNKNOWN", "a write to the log failed, and part of it may be on disk", {
        cause: error,
      });
    }
    onSync?.(performance.now() - begin, frame.length);
    active.offset += frame.length;
    active.checksum = this.#lastChecksum = this.#encoder.checksum;
    this.#lastSequence += transactions.length;
    // On a full disk the room is for the next compaction.
    if (active.offset > segmentBytes / 4 && !this.deletesOnly) spare.prepare();
    this.#watchTimer ??= this.#watchLater();
  }

  /** Also without appends a full disk is looked at again. */
  #watchIfNeeded(): void {
    const { space } = this.#state;
    if (!this.#closing && (space.full || space.compactionWanted)) this.#watchTimer ??= this.#watchLater();
  }

  #watchLater(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#watchTimer = undefined;
      this.#watching = this.#watch().catch((error: unknown) =>
        this.#fail("the lock of the log could not be checked", error),
      );
    }, this.#state.watchDelayMs).unref();
  }

  async #watch(): Promise<void> {
    await this.#assertLocked();
    await this.#recordDurable();
    await this.measure();
  }

  /** Looks at the free space. Measurements come one after the other. */
  measure(): Promise<void> {
    const { space, sink } = this.#state;
    const measured = (this.#measuring ?? Promise.resolve())
      .then(() => space.measure(this.#logBytes()))
      .catch((error: unknown) => sink.warn({ err: error }, "free space of the log not measured"))
      .then(() => this.#watchIfNeeded());
    this.#measuring = measured;
    return measured;
  }

  #logBytes(): LogBytes {
    let appended = this.#active.offset - fileHeaderBytes;
    for (const segment of this.#sealed) appended += segment.bytes - fileHeaderBytes;
    return { snapshot: this.#snapshot?.bytes ?? 0, appended };
  }

  /** True when the file system had no space left, and what failed may be tried once more. */
  async #noteNoSpace(failure: unknown): Promise<boolean> {
    if (!isNoSpace(failure)) return false;
    const mayHelp = await this.#state.space.exhausted().catch(() => false);
    this.#watchIfNeeded();
    return mayHelp;
  }

  /** Damage at or before this sequence can no longer be taken for an append that was never acknowledged. */
  async #recordDurable(): Promise<void> {
    if (this.#lockLost) return;
    try {
      await this.#state.mark.write(this.#lastSequence);
    } catch (error) {
      this.#state.sink.warn(
        { err: error, lastSequence: this.#lastSequence },
        "durable sequence not recorded",
      );
    }
  }

  /** Rejects with LOG_UNAVAILABLE, now and for all later appends, when the lock file is not ours any more. */
  async #assertLocked(): Promise<void> {
    const { lock, directory, sink } = this.#state;
    if (await lock.isHeld()) return;
    const message =
      `the lock file in ${directory} was removed or replaced while the log was open, so another process may have ` +
      "opened the log; the log takes no writes until the service is restarted";
    if (!this.#lockLost) sink.error({ directory, lastSequence: this.#lastSequence }, message);
    this.#lockLost = true;
    this.#fault = new DuetError("LOG_UNAVAILABLE", message);
    throw this.#fault;
  }

  /** The frame to write next, which goes to a new segment when it is too long for this one. */
  async #encode(transactions: readonly Transaction[]): Promise<Buffer> {
    const encoder = this.#encoder;
    encoder.begin();
    let sequence = this.#lastSequence;
    for (const transaction of transactions) {
      // It is not written but counted.
      if (transaction.sequence !== ++sequence) {
        throw new Error(`sequence ${transaction.sequence} stands where ${sequence} should`);
      }
      encoder.add(transaction);
    }
    const { offset } = this.#active;
    const endOffset = offset + encoder.payloadBytes + 2 * frameOverheadBytes;
    if (endOffset > this.#state.segmentBytes && offset > fileHeaderBytes) await this.#rotate();
    try {
      return encoder.finish(this.#active.checksum);
    } catch (error) {
      throw new DuetError("LOG_UNAVAILABLE", "the batch is too long for the log", { cause: error });
    }
  }

  /**
   * Puts a new segment in place and only then ends the old one: an end without a successor means that it was lost.
   * Rejects with LOG_UNAVAILABLE.
   */
  async #rotate(): Promise<void> {
    const { fileSystem, directory } = this.#state;
    const old = this.#active;
    let created: ActiveSegment | undefined;
    try {
      await this.#assertLocked();
      created = await placeSegment(fileSystem, directory, await this.#prepareSegment());
      const endFrame = encodeEndFrame(this.#marker, {
        kind: frameKinds.endOfSegment,
        count: 0,
        firstSequence: this.#lastSequence + 1,
        previousChecksum: old.checksum,
      });
      await writeDurably(old.file, endFrame, old.offset);
    } catch (error) {
      // Nothing has changed, so nothing has to heal.
      if (this.#lockLost || error === this.#fullError) throw error;
      if (created) await closeQuietly(created.file);
      this.#fail("a new segment of the log could not be made", error);
      throw new DuetError("LOG_UNAVAILABLE", "a new segment of the log could not be made", { cause: error });
    }
    await closeQuietly(old.file);
    this.#sealed = [...this.#sealed, { name: old.name, firstSequence: old.firstSequence, bytes: old.offset }];
    this.#active = created;
    await this.#recordDurable();
    void this.measure();
  }

  /** Gives up the reserve when there is no space left. Rejects with the error of a full log when that does not help. */
  async #prepareSegment(): Promise<PreparedSegment> {
    const { fileSystem, spare, logId } = this.#state;
    const start = {
      logId,
      firstSequence: this.#lastSequence + 1,
      previousChecksum: this.#lastChecksum,
    };
    const prepare = () => prepareSegment(fileSystem, spare, start);
    return prepare()
      .catch(async (error: unknown) => {
        if (!(await this.#noteNoSpace(error))) throw error;
        return prepare();
      })
      .catch((error: unknown) => {
        throw isNoSpace(error) ? this.#fullError : error;
      });
  }

  #fail(what: string, cause: unknown): void {
    if (this.#lockLost) return;
    this.#fault = this.#faultOf(what, cause);
    this.#state.sink.error({ err: cause, lastSequence: this.#lastSequence }, what);
    this.#healLater(this.#state.recoveryDelayMs);
  }

  #faultOf(what: string, cause: unknown): DuetError {
    const reason = isNoSpace(cause)
      ? `no space left on the disk for the log in ${this.#state.directory}`
      : what;
    return new DuetError("LOG_UNAVAILABLE", `${reason}; it takes no writes until it has recovered`, {
      cause,
    });
  }

  #healLater(delayMs: number): void {
    if (this.#closing) return;
    this.#healingTimer = setTimeout(() => {
      this.#healing = this.#heal().catch((error) => {
        if (this.#lockLost) return;
        this.#fault = this.#faultOf("recovery of the log failed", error);
        this.#state.sink.warn({ err: error }, "the log could not recover yet; trying again");
        this.#healLater(Math.min(delayMs * 2, this.#state.recoveryDelayMs * 50));
      });
    }, delayMs).unref();
  }

  /**
   * Makes the disk hold the acknowledged frames and nothing later, by descriptors that never failed. A new segment that
   * a failed rotation left is removed last: until then the old one may have an end frame, which needs a successor.
   */
  async #heal(): Promise<void> {
    const { fileSystem, directory, segmentBytes, sink } = this.#state;
    const active = this.#active;
    await this.#assertLocked();
    await closeQuietly(active.file);
    const file = await rewriteSegment(fileSystem, directory, active, segmentBytes).catch(async (error) => {
      if (!isNoSpace(error)) throw error;
      await this.#noteNoSpace(error);
      // As few bytes as can be.
      return rewriteSegment(fileSystem, directory, active, 0);
    });
    try {
      const { segments } = sortDirectory(await fileSystem.list(directory));
      const later = segments.filter(({ sequence }) => sequence > active.firstSequence);
      await removeFiles(
        fileSystem,
        directory,
        later.map(({ name }) => name),
      );
    } catch (error) {
      await closeQuietly(file);
      throw error;
    }
    active.file = file;
    await this.measure();
    this.#fault = undefined;
    sink.info({ lastSequence: this.#lastSequence }, "the log has recovered and takes writes again");
  }

  async #compact(horizon: number, isLive: (key: string, sequence: number) => boolean): Promise<void> {
    if (horizon <= this.horizon) return;
    if (this.#busy || horizon !== this.#lastSequence) {
      throw new Error(
        `the horizon must be the newest sequence, ${this.#lastSequence}, with no append under way`,
      );
    }
    const begin = performance.now();
    let succeeded = false;
    try {
      await this.#replaceByRetained(horizon, isLive);
      succeeded = true;
    } finally {
      this.#state.space.compacted(performance.now() - begin, succeeded);
      await this.measure();
    }
  }

  /** Writes the snapshot of `horizon`, the newest sequence, and removes what it replaces. */
  async #replaceByRetained(horizon: number, isLive: SnapshotRequest["isLive"]): Promise<void> {
    const { fileSystem, directory, logId, sink } = this.#state;
    await this.#exclusively(async () => {
      this.#assertWritable();
      await this.#assertLocked();
      if (this.#active.offset > fileHeaderBytes) await this.#rotate();
    });
    const checksum = this.#lastChecksum;
    const old = this.#files().filter(({ endOffset }) => endOffset === undefined);
    const write = async () => {
      const source = await LogReader.open(fileSystem, directory, logId, old);
      const isStopped = () => this.#closing !== undefined;
      try {
        return await writeSnapshot({
          fileSystem,
          directory,
          logId,
          horizon,
          checksum,
          source,
          isLive,
          isStopped,
        });
      } finally {
        await source.close();
      }
    };
    this.#snapshot = await write().catch(async (error: unknown) => {
      if (!(await this.#noteNoSpace(error))) throw error;
      return write();
    });
    this.#sealed = this.#sealed.filter(({ firstSequence }) => firstSequence > horizon);
    this.#obsolete.push(...old.map(({ name }) => name));
    try {
      await removeFiles(fileSystem, directory, this.#obsolete);
      this.#obsolete = [];
    } catch (error) {
      sink.warn({ err: error }, "old files of the log could not be removed; the next compaction tries again");
    }
  }

  /** Files of the log in order, up to what is durable now. */
  #files(): ReadableFile[] {
    const snapshot = this.#snapshot;
    const active = this.#active;
    return [
      ...(snapshot
        ? [
            {
              name: snapshot.name,
              kind: "snapshot",
              sequence: snapshot.horizon,
              endOffset: undefined,
            } as const,
          ]
        : []),
      ...this.#sealed.map(
        ({ name, firstSequence }) =>
          ({ name, kind: "segment", sequence: firstSequence, endOffset: undefined }) as const,
      ),
      { name: active.name, kind: "segment", sequence: active.firstSequence, endOffset: active.offset },
    ];
  }

  async #openReader(after: number): Promise<LogReader> {
    const { fileSystem, directory, logId } = this.#state;
    for (;;) {
      const sealed = this.#sealed;
      const files = this.#files();
      const first = files.findLastIndex(({ kind, sequence }) =>
        kind === "segment" ? sequence <= after + 1 : false,
      );
      try {
        return await LogReader.open(fileSystem, directory, logId, files.slice(Math.max(first, 0)));
      } catch (error) {
        // A compaction ended in between and took them away.
        if (sealed === this.#sealed) throw error;
      }
    }
  }
}
