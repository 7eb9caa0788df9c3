import { randomBytes } from "node:crypto";
import { DuetError } from "../../errors.ts";
import { retain } from "../retain.ts";
import type { AppendOutcome, Retention, Transaction, TransactionLogger } from "../transaction-logger.ts";

/** A log in memory, lost when the process ends. For tests, and for stores that need not be durable. */
export class MemoryTransactionLogger implements TransactionLogger {
  readonly id = randomBytes(8).toString("hex");
  readonly shared = false;
  readonly fault: Error | undefined = undefined;
  #horizon = 0;
  #latest = 0;
  #transactions: Transaction[] = [];
  #closed = false;

  get horizon(): number {
    return this.#horizon;
  }

  async *readTransactions(after: number): AsyncIterable<readonly Transaction[]> {
    const transactions = this.#transactions.filter((transaction) => transaction.sequence > after);
    if (transactions.length > 0) yield transactions;
  }

  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    if (this.#closed) throw new DuetError("LOG_UNAVAILABLE", "the log is closed");
    if (basis !== this.#latest) return { appended: false, latest: this.#latest };
    this.#transactions.push(...transactions);
    this.#latest += transactions.length;
    return { appended: true };
  }

  async *follow(_after: number, signal: AbortSignal): AsyncIterable<readonly Transaction[]> {
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    yield* [];
  }

  async latestSequence(): Promise<number> {
    return this.#latest;
  }

  applied(): void {}

  async compact(retention: Retention): Promise<void> {
    const { horizon } = retention;
    if (horizon <= this.#horizon) return;
    this.#transactions = this.#transactions.flatMap((transaction) => {
      if (transaction.sequence > horizon) return [transaction];
      const retained = retain(transaction, retention);
      return retained ? [retained] : [];
    });
    this.#horizon = horizon;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
