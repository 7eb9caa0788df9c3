import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import type {
  AppendOutcome,
  Transaction,
  TransactionLogger,
} from "../../src/transaction-log/transaction-logger.ts";

/** A log in memory with a second writer under the control of the test. */
export class SharedFakeLogger implements TransactionLogger {
  readonly id = "00000000000000ff";
  readonly shared = true;
  fault: Error | undefined;
  horizon = 0;
  appliedSequence = 0;
  /** Calls of `latestSequence`. */
  looks = 0;
  /** Calls of `readTransactions`. */
  reads = 0;
  onLook: () => void = () => {};
  /** Called after each batch that a read yields. */
  onRead: () => void = () => {};
  /** The number of transactions in each append. */
  readonly appends: number[] = [];
  /** `latest` in the outcome of a conflict when the log ends at `newest`. */
  conflictLatest: (newest: number) => number | undefined = (newest) => newest;
  beforeAppend: () => void = () => {};
  onConflict: () => void = () => {};
  /** Called when an append is in the log and has not resolved yet. */
  afterAppend: () => void = () => {};
  readonly #log = new MemoryTransactionLogger();
  #newest = 0;
  #delivered: Transaction[] = [];
  #bell = Promise.withResolvers<void>();
  #readFailures: { readonly error: Error; left: number } | undefined;

  /** Appends a put of `key` as another replica; followers receive it. */
  appendAsOther(key: string): Transaction {
    const transaction = this.appendHidden(key);
    this.#delivered.push(transaction);
    this.#bell.resolve();
    return transaction;
  }

  /** As `appendAsOther`, but followers do not receive it. */
  appendHidden(key: string): Transaction {
    const sequence = this.#newest + 1;
    const event = {
      type: "put",
      key,
      value: "",
      createRevision: sequence,
      version: 1,
      expireTime: 0,
    } as const;
    const transaction: Transaction = { sequence, time: 1000, events: [event], request: undefined };
    void this.#log.append(this.#newest++, [transaction]);
    return transaction;
  }

  failReads(error: Error, times: number): void {
    this.#readFailures = { error, left: times };
  }

  moveHorizon(horizon: number): void {
    this.horizon = horizon;
  }

  async *readTransactions(after: number): AsyncIterable<readonly Transaction[]> {
    this.reads++;
    if (this.#readFailures && this.#readFailures.left-- > 0) throw this.#readFailures.error;
    for await (const transactions of this.#log.readTransactions(after)) {
      yield transactions;
      this.onRead();
    }
  }

  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    this.appends.push(transactions.length);
    this.beforeAppend();
    const newest = this.#newest;
    if (basis !== newest) {
      this.onConflict();
      return { appended: false, latest: this.conflictLatest(newest) };
    }
    await this.#log.append(basis, transactions);
    this.#newest += transactions.length;
    this.afterAppend();
    return { appended: true };
  }

  async *follow(_after: number, signal: AbortSignal): AsyncIterable<readonly Transaction[]> {
    signal.addEventListener("abort", () => this.#bell.resolve());
    while (!signal.aborted) {
      await this.#bell.promise;
      this.#bell = Promise.withResolvers<void>();
      const delivered = this.#delivered.splice(0);
      if (delivered.length > 0) yield delivered;
    }
  }

  async latestSequence(): Promise<number> {
    this.looks++;
    this.onLook();
    return this.#newest;
  }

  applied(sequence: number): void {
    this.appliedSequence = sequence;
  }

  async compact(): Promise<void> {}

  async close(): Promise<void> {}
}
