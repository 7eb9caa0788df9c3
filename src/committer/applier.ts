import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { DuetError } from "../errors.ts";
import type { Change, Store } from "../store/store.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";

/** How long following may take until the log is read instead. */
const patienceMs = 250;

/** How long to wait before a log that could not be read is read again. */
const retryMs = 100;

export interface ApplierOptions {
  readonly store: Store;
  readonly logger: TransactionLogger;
  /** Called for each transaction right after the store has applied it. Must not throw. */
  readonly onApplied: (transaction: Transaction, changes: readonly Change[]) => void;
  /** Called after each run of them, when the store is at the end of what is known. Must not throw. */
  readonly onRun: (transactions: readonly Transaction[]) => void;
}

/**
 * Applies durable transactions to the store, each once and in order, whether they are the committer's own, were appended
 * by another replica, or are read again to catch up. Whoever comes first is fine: what is applied is the same.
 */
export class Applier {
  readonly #options: ApplierOptions;
  /** Followed transactions that come after own ones which are durable, but not answered yet. */
  #early: readonly Transaction[] = [];
  #catchingUp: Promise<void> | undefined;
  #following = false;
  /** Rung when something was applied. */
  #progress = Promise.withResolvers<void>();

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /** In order. Those that are applied already are passed over; those that come too early wait for the ones between. */
  apply(transactions: readonly Transaction[]): void {
    const { store, logger, onApplied, onRun } = this.#options;
    const applied: Transaction[] = [];
    const early: Transaction[] = [];
    for (const transaction of this.#withEarly(transactions)) {
      if (transaction.sequence === store.revision + 1) {
        onApplied(transaction, store.apply(transaction));
        applied.push(transaction);
      } else if (transaction.sequence > store.revision) {
        early.push(transaction);
      }
    }
    this.#early = early;
    if (applied.length === 0) return;
    logger.applied(store.revision);
    onRun(applied);
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }

  #withEarly(transactions: readonly Transaction[]): readonly Transaction[] {
    if (this.#early.length === 0) return transactions;
    return [...transactions, ...this.#early].toSorted((a, b) => a.sequence - b.sequence);
  }

  /** Applies what others append, until the signal aborts. Rejects when it cannot go on: the store must be built anew. */
  async follow(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#options;
    this.#following = true;
    try {
      for await (const transactions of logger.follow(store.revision, signal)) {
        this.apply(transactions);
        // What is between is most likely the committer's, which hears of it in this turn of the event loop.
        if (this.#early.length > 0) await nextTurn();
        if (this.#early.length > 0) await this.#fillGap(signal);
      }
    } finally {
      this.#following = false;
    }
  }

  /** Reads what is between, however often the log has to be asked. */
  async #fillGap(signal: AbortSignal): Promise<void> {
    while (this.#early.length > 0 && !signal.aborted) {
      try {
        await this.catchUp();
      } catch (error) {
        const fault = this.#options.logger.fault ?? error;
        if (!isUnavailable(fault)) throw fault;
        await delay(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /**
   * Resolves when everything up to `sequence` is applied, which is durable. Following brings it soon, and spares the log
   * a second reader; but it may be waiting for the log to come back, or not hear of it.
   */
  async reach(sequence: number): Promise<void> {
    const { store } = this.#options;
    const patience = new AbortController();
    const over = delay(patienceMs, undefined, { signal: patience.signal }).catch(() => {});
    const until = performance.now() + patienceMs;
    while (this.#following && store.revision < sequence && performance.now() < until) {
      await Promise.race([this.#progress.promise, over]);
    }
    patience.abort();
    if (store.revision < sequence) await this.catchUp();
  }

  /** Resolves when everything that was durable at the call is applied. */
  async catchUp(): Promise<void> {
    // One that is under way may have looked before the call.
    await this.#catchingUp?.catch(() => {});
    this.#catchingUp ??= this.#readOn().finally(() => {
      this.#catchingUp = undefined;
    });
    await this.#catchingUp;
  }

  async #readOn(): Promise<void> {
    const { store, logger } = this.#options;
    for await (const transactions of logger.readTransactions(store.revision)) this.apply(transactions);
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof DuetError && error.reason === "LOG_UNAVAILABLE";
}
