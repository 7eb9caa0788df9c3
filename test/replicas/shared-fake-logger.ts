import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import type {
  AppendOutcome,
  Transaction,
  TransactionLogger,
} from "../../src/transaction-log/transaction-logger.ts";

/** A log in memory that others append to as well, when and as a test says. */
export class SharedFakeLogger implements TransactionLogger {
  readonly shared = true;
  fault: Error | undefined;
  horizon = 0;
  appliedSequence = 0;
  /** How often the newest sequence was asked for. */
  looks = 0;
  /** How often transactions were read. */
  reads = 0;
  onLook: () => void = () => {};
  /** Called when something of what is read was delivered. */
  onRead: () => void = () => {};
  /** How many transactions each append tried. */
  readonly appends: number[] = [];
  /** What a conflict tells about a log that ends at `newest`. */
  conflictLatest: (newest: number) => number | undefined = (newest) => newest;
  beforeAppend: () => void = () => {};
  onConflict: () => void = () => {};
  /** Called when an append has happened and is not answered yet. */
  afterAppend: () => void = () => {};
  readonly #log = new MemoryTransactionLogger();
  #newest = 0;
  #heard: Transaction[] = [];
  #bell = Promise.withResolvers<void>();
  #readFailures: { readonly error: Error; left: number } | undefined;

  /** Another replica puts `key`; followers hear of it. */
  appendAsOther(key: string): Transaction {
    const transaction = this.appendUnheard(key);
    this.#heard.push(transaction);
    this.#bell.resolve();
    return transaction;
  }

  /** The same, but followers do not hear of it. */
  appendUnheard(key: string): Transaction {
    const sequence = this.#newest + 1;
    const event = {
      type: "put",
      key,
      value: "",
      createRevision: sequence,
      version: 1,
      expireTime: 0,
    } as const;
    const transaction: Transaction = { sequence, time: 1000, events: [event] };
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
      const heard = this.#heard.splice(0);
      if (heard.length > 0) yield heard;
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
