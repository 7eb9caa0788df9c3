import { Histogram } from "../../histogram.ts";
import type { History } from "../../store/history.ts";
import { PastState } from "../../store/past.ts";
import type { Store } from "../../store/store.ts";
import type { TransactionLogger } from "../../transaction-log/transaction-logger.ts";
import { recordOfPlainPut } from "../plain-put.ts";
import type { RequestIndex } from "../request-index.ts";
import type { LogGarbage } from "./log-garbage.ts";

/** How often a log without new writes is checked for `compactionWanted`, in milliseconds. */
const pollMs = 1000;

/** Seconds. */
const durationBounds = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

export interface CompactorOptions {
  readonly store: Store;
  readonly requests: Pick<RequestIndex, "neededSince">;
  readonly history: History;
  /** Counts the transactions that leave the history. */
  readonly garbage: LogGarbage;
  readonly logger: TransactionLogger;
  /** A compaction starts when it can remove this many bytes, and at least as many as the store holds. */
  readonly bytesMin: number;
  readonly onError: (error: unknown) => void;
}

/**
 * Decides when and how far the log is compacted. It compacts when much of the log is needed neither for the store nor
 * for the history, up to the oldest revision of the history, so that a restart finds the same history. A log that
 * needs disk space comes first: it is compacted as far as possible, and after a restart the history begins there.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  #running: Promise<void> | undefined;
  readonly #poll: NodeJS.Timeout;
  /** Of those that ran, whatever their outcome. */
  readonly seconds = new Histogram(durationBounds);
  readonly counts = { succeeded: 0, failed: 0 };

  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#poll = setInterval(() => {
      if (options.logger.compactionWanted) void this.compact();
    }, pollMs).unref();
  }

  /** Stops the checks for `compactionWanted`. A compaction that is running ends when the log is closed. */
  close(): void {
    clearInterval(this.#poll);
  }

  /** Compacts the log when that is due. Called after the start and after each run of applied transactions. */
  check(): void {
    if (this.#isDue && this.#running === undefined) void this.compact();
  }

  get #isDue(): boolean {
    const { store, garbage, logger, bytesMin } = this.#options;
    return garbage.bytes >= Math.max(bytesMin, store.bytes) || logger.compactionWanted === true;
  }

  /** Resolves when the compaction has ended. Errors go to `onError`; a later check tries again. */
  compact(): Promise<void> {
    this.#running ??= this.#compact().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #compact(): Promise<void> {
    const { store, requests, history, garbage, logger, onError } = this.#options;
    const horizon = logger.compactionWanted ? store.revision : history.oldest;
    if (horizon <= logger.horizon) return;
    const pin = history.pin(new PastState(store, history, horizon));
    garbage.compacting();
    const begin = performance.now();
    try {
      await logger.compact({
        horizon,
        live: (key) => pin.get(key),
        requestsSince: requests.neededSince,
        recordOf: recordOfPlainPut,
      });
      garbage.compacted();
      this.counts.succeeded++;
    } catch (error) {
      this.counts.failed++;
      onError(error);
    } finally {
      this.seconds.record((performance.now() - begin) / 1000);
      pin.release();
    }
  }
}
