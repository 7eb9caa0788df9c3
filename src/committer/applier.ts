import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { DuetError } from "../errors.ts";
import type { Entry } from "../store/entry.ts";
import type { Change, Store } from "../store/store.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";

/** How long `reach` waits for following before it reads the log itself, in milliseconds. */
const patienceMs = 250;

/** Delay before a log that could not be read is read again, in milliseconds. */
const retryMs = 100;

export interface ApplierOptions {
  readonly store: Store;
  readonly logger: TransactionLogger;
  /** Called for each transaction, right after the store has applied it. Must not throw. */
  readonly onApplied: (transaction: Transaction, changes: readonly Change[]) => void;
  /** Called after each run of applied transactions. Must not throw. */
  readonly onRun: (transactions: readonly Transaction[]) => void;
}

/**
 * Applies durable transactions to the store. They come from three sources, in any order and more than once: the committer's
 * appends, other replicas' appends, and reads that catch up.
 *
 * Invariants:
 * - Transaction n is applied exactly once, directly after n - 1. All sources hold the same transaction n.
 * - A transaction that is already applied is dropped; one that comes too early is kept until those before it are applied.
 * - `onApplied` is called in the turn in which the store changes, `onRun` after each run of transactions.
 * - At most one read catches up at a time, and none starts before the one under way has ended.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #hash: () => string;
  /** Transactions that arrived before their predecessors, in order. */
  #early: readonly Transaction[] = [];
  #catchingUp: Promise<void> | undefined;
  #following = false;
  /** Resolves when a transaction was applied, and is then replaced. */
  #progress = Promise.withResolvers<void>();

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#hash = () => options.store.hash;
  }

  /**
   * Applies transactions, which must be in order. `entries`, if given, are the entries that they create, as for
   * `Store.apply`; the transactions must then have no gaps.
   */
  apply(
    transactions: readonly Transaction[],
    entries: readonly (readonly (Entry | undefined)[])[] = [],
  ): void {
    const { store, logger, onApplied, onRun } = this.#options;
    const applied: Transaction[] = [];
    const early: Transaction[] = [];
    const first = transactions[0]?.sequence ?? 0;
    for (const transaction of this.#withEarly(transactions)) {
      if (transaction.sequence === store.revision + 1) {
        onApplied(transaction, store.apply(transaction, entries[transaction.sequence - first]));
        applied.push(transaction);
      } else if (transaction.sequence > store.revision) {
        early.push(transaction);
      }
    }
    this.#early = early;
    if (applied.length === 0) return;
    store.publish();
    logger.applied(store.revision, this.#hash);
    onRun(applied);
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }

  #withEarly(transactions: readonly Transaction[]): readonly Transaction[] {
    if (this.#early.length === 0) return transactions;
    return [...transactions, ...this.#early].toSorted((a, b) => a.sequence - b.sequence);
  }

  /**
   * Applies the transactions of other replicas until the signal is aborted. Rejects when following cannot continue;
   * the store must then be opened again.
   */
  async follow(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#options;
    this.#following = true;
    try {
      for await (const transactions of logger.follow(store.revision, signal)) {
        this.apply(transactions);
        // The missing transactions are most likely the committer's, whose append settles in this turn of the event
        // loop.
        if (this.#early.length > 0) await nextTurn();
        if (this.#early.length > 0) await this.#fillGap(signal);
      }
    } finally {
      this.#following = false;
    }
  }

  /** Reads the transactions between the store's revision and the early ones. Retries while the log is unavailable. */
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
   * Resolves when everything up to `sequence`, which must be durable, is applied. It first waits a short time for
   * `follow`, which spares the log a second reader. `follow` may be slow or disconnected, so it then reads the log
   * itself.
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
    // A read that is under way may have begun before the newest transaction was durable.
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
