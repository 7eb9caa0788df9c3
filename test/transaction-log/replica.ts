import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { DuetError } from "../../src/errors.ts";
import type { Transaction, TransactionLogger } from "../../src/transaction-log/transaction-logger.ts";
import { put, readAll, transaction } from "./log-model.ts";

/** A minimal owner of a logger: applies the transactions of the log to a list, and appends writes. */
export class Replica {
  readonly log: TransactionLogger;
  /** In order of application. */
  readonly applied: Transaction[] = [];
  /** Marks of acknowledged writes. */
  readonly acknowledged: string[] = [];
  /** Marks of writes with an unknown outcome. */
  readonly unknown: string[] = [];
  conflicts = 0;
  /** The error that ended following. */
  failure: unknown;
  readonly #name: string;
  readonly #abort = new AbortController();
  readonly #following: Promise<void>;
  #appending = false;
  #marks = 0;

  private constructor(log: TransactionLogger, name: string, replayed: readonly Transaction[]) {
    this.log = log;
    this.#name = name;
    this.applied.push(...replayed);
    log.applied(this.revision);
    this.#following = this.#follow().catch((error: unknown) => {
      this.failure = error;
    });
  }

  /** Reads the whole log and follows it. */
  static async start(log: TransactionLogger, name: string): Promise<Replica> {
    const replayed: Transaction[] = [];
    for await (const batch of log.readTransactions(0)) replayed.push(...batch);
    return new Replica(log, name, replayed);
  }

  /** The number of writes so far, whatever their outcome. */
  get attempted(): number {
    return this.#marks;
  }

  /** The marks of the writes after the first `attempted`. */
  marksAfter(attempted: number): string[] {
    return Array.from(
      { length: this.#marks - attempted },
      (_, index) => `${this.#name} ${attempted + 1 + index}`,
    );
  }

  get revision(): number {
    return Math.max(this.applied.at(-1)?.sequence ?? 0, this.log.horizon);
  }

  /**
   * Writes `count` transactions in one batch, each with a unique mark, and retries on conflicts. `think` runs between the
   * choice of the basis and the append.
   */
  async write(count: number, think = async () => {}): Promise<void> {
    const marks = Array.from({ length: count }, () => `${this.#name} ${++this.#marks}`);
    for (;;) {
      if (this.failure) throw this.failure;
      const basis = this.revision;
      const batch = marks.map((mark, index) =>
        transaction(basis + 1 + index, put(`key ${index}`, mark), put(mark, "1")),
      );
      await think();
      try {
        this.#appending = true;
        const { appended } = await this.log.append(basis, batch);
        if (appended) {
          this.#apply(batch);
          this.acknowledged.push(...marks);
          return;
        }
        this.conflicts++;
      } catch (error) {
        const reason = error instanceof DuetError ? error.reason : undefined;
        if (reason === "OUTCOME_UNKNOWN") this.unknown.push(...marks);
        throw error;
      } finally {
        this.#appending = false;
      }
      const latest = await this.log.latestSequence();
      // A replica of a primary that has lost its standby never gets there.
      while (this.revision < latest && !this.failure) {
        if (this.log.fault) throw this.log.fault;
        await setImmediate();
      }
    }
  }

  /** Resolves when all transactions of the current log are applied. */
  async caughtUp(): Promise<void> {
    const latest = await this.log.latestSequence();
    while (this.revision < latest) {
      if (this.failure) throw this.failure;
      await setImmediate();
    }
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#following;
    await this.log.close();
  }

  async #follow(): Promise<void> {
    for await (const batch of this.log.follow(this.revision, this.#abort.signal)) this.#apply(batch);
  }

  #apply(batch: readonly Transaction[]): void {
    for (const each of batch) {
      if (each.sequence !== this.revision + 1) {
        throw new Error(
          `${this.#name} received ${each.sequence} after ${this.revision}${this.#appending ? " during an append" : ""}`,
        );
      }
      this.applied.push(each);
    }
    this.log.applied(this.revision);
  }
}

/** Returns the marks in these transactions. */
export function marksOf(transactions: readonly Transaction[]): string[] {
  return transactions.flatMap(({ events }) =>
    events.flatMap((event) => (event.key.startsWith("key") ? [] : [event.key])),
  );
}

/** Asserts that all replicas have the same log without gaps, with each acknowledged write in it once. */
export async function expectOneHistory(replicas: readonly Replica[]): Promise<readonly Transaction[]> {
  await Promise.all(replicas.map((replica) => replica.caughtUp()));
  const [first] = replicas as [Replica];
  const log = await readAll(first.log);
  expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => index + 1));
  for (const { applied } of replicas) expect(applied).toEqual(log);
  const marks = marksOf(log);
  expect(new Set(marks).size).toBe(marks.length);
  const present = new Set(marks);
  for (const { acknowledged } of replicas)
    expect(acknowledged.filter((mark) => !present.has(mark))).toEqual([]);
  return log;
}
