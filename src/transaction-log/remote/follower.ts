import { DuetError } from "../../errors.ts";
import { backoffMs } from "../shared/backoff.ts";
import { Doorbell } from "../shared/doorbell.ts";
import type { Transaction } from "../transaction-logger.ts";
import { type ChainedBatch, transactionsOf } from "./chain.ts";
import type { History } from "./history.ts";
import { LogReader } from "./log-reader.ts";
import type { OwnAppends } from "./own-appends.ts";

/** How often a follower looks again for a batch that it was told of, with pauses of 1, 2, 4 … ms. */
const looksMax = 8;

export interface FollowerOptions {
  readonly history: History;
  readonly own: OwnAppends;
  /** The sequence after which transactions are yielded. */
  readonly after: number;
  /** The sequence up to which the owner has applied the log, by following or otherwise. */
  readonly applied: () => number;
  readonly pollMs: number;
}

/** Reads the transactions that other writers append. */
export class Follower {
  readonly bell = new Doorbell();
  readonly #options: FollowerOptions;
  readonly #history: History;
  readonly #own: OwnAppends;
  #reader: LogReader;
  /** The newest position that it was told of, and how often it has looked for it. */
  #hint = 0;
  #looks = 0;

  constructor(options: FollowerOptions) {
    const { history, own, after } = options;
    this.#options = options;
    this.#history = history;
    this.#own = own;
    this.#reader = new LogReader(history, history.before(after));
  }

  get position(): number {
    return this.#reader.cursor.position;
  }

  /** Called when there may be a batch at `position`. */
  hint(position: number): void {
    if (position <= this.#hint) return;
    this.#hint = position;
    this.#looks = 0;
    this.bell.ring();
  }

  /**
   * Yields transactions in order until `signal` aborts. Retries while the log cannot be reached. Throws LOG_CORRUPT or
   * LOG_VERSION rather than skip a transaction that the owner has not applied, and the fault of the history.
   */
  async *read(signal: AbortSignal): AsyncGenerator<readonly Transaction[]> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const batches = await this.#next();
        failures = 0;
        const transactions = batches.flatMap((batch) => this.#ofOthers(batch));
        if (transactions.length > 0 && !signal.aborted) yield transactions;
        if (batches.length === 0) await this.#wait(signal);
      } catch (error) {
        if (signal.aborted) return;
        const { fault, log } = this.#history;
        if (fault) throw fault;
        if (this.#skipDropped()) continue;
        if (error instanceof DuetError && ["LOG_CORRUPT", "LOG_VERSION"].includes(error.reason)) throw error;
        failures++;
        if (failures === 3) log.warn({ err: error }, "following the log failed; retrying");
        await new Doorbell().wait(backoffMs(failures), signal);
      }
    }
  }

  async #next(): Promise<readonly ChainedBatch[]> {
    const { fault } = this.#history;
    if (fault) throw fault;
    this.#skipOwn();
    const batches = await this.#reader.next();
    if (batches.length > 0) {
      await this.#own.settled(this.#reader.cursor.sequence);
      this.#history.advance(this.#reader.cursor);
    }
    return batches;
  }

  #ofOthers(batch: ChainedBatch): readonly Transaction[] {
    const { header } = batch;
    const { after } = this.#options;
    if (header.last <= after || this.#own.includes(header.last)) return [];
    return transactionsOf(batch).filter(({ sequence }) => sequence > after);
  }

  /** Waits until there may be a batch of another writer, or until it is time to poll. */
  async #wait(signal: AbortSignal): Promise<void> {
    for (const until = performance.now() + this.#options.pollMs; !signal.aborted; ) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) return;
      await this.#own.settled(this.#history.seen.sequence);
      this.#skipOwn();
      // A copy may get the batch a little later.
      const isExpected = this.#hint > this.position && this.#looks < looksMax;
      await this.bell.wait(isExpected ? Math.min(2 ** this.#looks++, leftMs) : leftMs, signal);
      if (this.#history.fault || (isExpected && this.#hint > this.position)) return;
    }
  }

  #skipOwn(): void {
    const start = this.#own.skip(this.#reader.cursor);
    if (start !== this.#reader.cursor) this.#reader = new LogReader(this.#history, start);
  }

  /** Goes on where the log begins after a compaction, if the owner has applied everything before that in another way. */
  #skipDropped(): boolean {
    const { horizon } = this.#history;
    const applied = this.#options.applied();
    if (horizon > applied || !this.#history.hasDropped(this.#reader.cursor)) return false;
    this.#reader = new LogReader(this.#history, this.#history.before(applied));
    return true;
  }
}
