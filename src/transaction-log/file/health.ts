import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import type { Transaction } from "../transaction-logger.ts";
import type { DirectoryLock } from "./lock.ts";
import { type DiskSpace, isNoSpace } from "./segments/disk-space.ts";
import type { LogFiles } from "./segments/log-files.ts";

export interface HealthOptions {
  readonly files: LogFiles;
  readonly lock: DirectoryLock;
  readonly space: DiskSpace;
  readonly sink: LogSink;
  /** The delay before the first attempt to heal, in milliseconds. It doubles up to fifty times this. */
  readonly recoveryDelayMs: number;
  /** Makes the disk hold the acknowledged frames and nothing later. When it rejects, it is tried again. */
  readonly heal: () => Promise<void>;
}

/**
 * Which writes the log accepts.
 *
 *     writable ──── no room for a copy of the log ───▸ full: deletes only
 *        │  ▴                                            │
 *        │  └─ healed ─┐                                 │
 *        └─ a call of the file system failed ─▸ at fault: no writes
 *                                                        │
 *        this process lost the lock file ─▸ lost: no writes until a restart
 *        a compaction found damage ───────▸ damaged: no writes, and no restart before a backup
 *
 * Invariants:
 * - At fault, no append begins. One may still be under way when the look at the lock failed or damage was found; healing
 *   waits for it. Then `files` describes the acknowledged frames and does not change.
 * - Healing runs only at fault, one attempt at a time, and an attempt that fails leaves the log at fault.
 * - A descriptor that failed is not used again: only healing replaces it, by a file that was synced.
 * - A log that is lost never heals and writes nothing, because another process may have opened it.
 * - A log that is damaged takes no writes, although its end is whole: a restart could not read them.
 */
export class Health {
  readonly #options: HealthOptions;
  #fault: DuetError | undefined;
  #lost: DuetError | undefined;
  #damage: DuetError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #healing: Promise<void> | undefined;
  #closed = false;
  /** The error of puts while the log is full. */
  readonly fullError: DuetError;

  constructor(options: HealthOptions) {
    this.#options = options;
    const { path } = options.files.directory;
    this.fullError = new DuetError(
      "LOG_UNAVAILABLE",
      `no space left on the disk for the log in ${path}; only deletes are accepted until there is room`,
    );
  }

  get fault(): DuetError | undefined {
    return this.#refusal ?? (this.deletesOnly ? this.fullError : undefined);
  }

  get deletesOnly(): boolean {
    return this.#options.space.full && !this.atFault;
  }

  /** Whether the log refuses all writes. */
  get atFault(): boolean {
    return this.#refusal !== undefined;
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** Why the log refuses all writes. */
  get #refusal(): DuetError | undefined {
    return this.#lost ?? this.#damage ?? this.#fault;
  }

  /** Throws LOG_UNAVAILABLE when the log refuses all writes, or these transactions. */
  assertTakes(transactions: readonly Transaction[]): void {
    const fault = this.#refusal;
    if (fault) throw new DuetError("LOG_UNAVAILABLE", fault.message, { cause: fault.cause });
    if (!this.deletesOnly) return;
    if (transactions.some(({ events }) => events.some(({ type }) => type !== "delete"))) throw this.fullError;
  }

  /** Rejects with LOG_UNAVAILABLE, and makes all later appends fail, when this process has lost the lock file. */
  async assertLocked(): Promise<void> {
    const { lock, files, sink } = this.#options;
    if (this.#lost) throw this.#lost;
    if (await lock.isHeld()) return;
    const { path } = files.directory;
    const message =
      `the lock file in ${path} was removed or replaced while the log was open, so another process may have ` +
      "opened the log; writes are refused until the service is restarted";
    sink.error({ directory: path, lastSequence: files.lastSequence }, message);
    this.#lost = new DuetError("LOG_UNAVAILABLE", message);
    throw this.#lost;
  }

  /** Puts the log at fault until it has healed. `what` describes the failed operation. */
  fail(what: string, cause: unknown): void {
    if (this.#lost) return;
    const { sink, files, recoveryDelayMs } = this.#options;
    sink.error({ err: cause, lastSequence: files.lastSequence }, what);
    const healing = this.#fault !== undefined;
    this.#fault = this.#faultOf(what, cause);
    if (!healing) this.#healLater(recoveryDelayMs);
  }

  /** Makes all later appends fail, because `error` was found in acknowledged frames. */
  damaged(error: DuetError): void {
    if (this.#damage) return;
    const { sink, files } = this.#options;
    const message =
      "acknowledged transactions in the log are damaged, so writes are refused and a restart would fail; all entries " +
      "are in memory: save a snapshot before this process stops, and restore it";
    sink.error({ err: error, lastSequence: files.lastSequence }, message);
    this.#damage = new DuetError("LOG_UNAVAILABLE", message, { cause: error });
  }

  /** Waits for a running attempt to heal, and prevents further attempts. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#healing;
  }

  #faultOf(what: string, cause: unknown): DuetError {
    const { path } = this.#options.files.directory;
    const reason = isNoSpace(cause) ? `no space left on the disk for the log in ${path}` : what;
    return new DuetError("LOG_UNAVAILABLE", `${reason}; writes are refused until the log has recovered`, {
      cause,
    });
  }

  #healLater(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#healing = this.#heal(delayMs);
    }, delayMs).unref();
  }

  async #heal(delayMs: number): Promise<void> {
    const { files, sink, heal, recoveryDelayMs } = this.#options;
    try {
      await this.assertLocked();
      await heal();
      this.#fault = undefined;
      sink.info({ lastSequence: files.lastSequence }, "log recovered, writes are accepted again");
    } catch (error) {
      if (this.#lost) return;
      this.#fault = this.#faultOf("recovery of the log failed", error);
      sink.warn({ err: error }, "recovery of the log failed, retrying");
      this.#healLater(Math.min(delayMs * 2, recoveryDelayMs * 50));
    }
  }
}
