import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import type { AppendOutcome, Transaction } from "../../src/transaction-log/transaction-logger.ts";

/** A log in memory whose appends wait, or fail, as a test says. */
export class FakeLogger extends MemoryTransactionLogger {
  /** The sequences of each append that was tried. */
  readonly appends: number[][] = [];
  override fault: Error | undefined = undefined;
  deletesOnly = false;
  readonly #failures: Error[] = [];
  #gate: Promise<void> = Promise.resolve();

  /** The next append rejects with `error` and writes nothing. */
  failNext(error: Error): void {
    this.#failures.push(error);
  }

  /** Appends wait until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  override async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    this.appends.push(transactions.map(({ sequence }) => sequence));
    await this.#gate;
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    return super.append(basis, transactions);
  }
}
