import { DuetError } from "../../../errors.ts";
import type { LogSink } from "../../log-sink.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { Doorbell } from "../../shared/doorbell.ts";
import type { Transaction } from "../../transaction-logger.ts";
import type { OwnAppends } from "../append/own-appends.ts";
import type { Connections } from "../connection/connections.ts";
import { withoutDetails } from "../connection/database-error.ts";
import type { History } from "./history.ts";
import { type PageLimits, readNewest } from "./page.ts";
import { PieceReader } from "./piece-reader.ts";

export interface FollowOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly own: OwnAppends;
  readonly limits: PageLimits;
  readonly log: LogSink;
  /** The newest sequence, read or notified. */
  readonly newest: () => number;
  /** The newest sequence that the owner has applied, from any source. */
  readonly applied: () => number;
  readonly pollMs: () => number;
}

/** Reads the transactions that other writers append. */
export class Follower {
  readonly bell = new Doorbell();
  readonly #options: FollowOptions;
  /** Every transaction up to it was delivered, or is the logger's own. */
  #position: number;
  /** The newest sequence known before the last query; that query has found it, if it exists. */
  #sought = 0;

  /** Has checked the chain of batches up to its position. */
  #reader: PieceReader | undefined;

  constructor(options: FollowOptions, after: number) {
    this.#options = options;
    this.#position = after;
  }

  get position(): number {
    return this.#position;
  }

  /**
   * Yields transactions in order until `signal` aborts. Retries while the database fails. Throws LOG_CORRUPT or LOG_VERSION
   * rather than skip a transaction, and the fault of `history`.
   */
  async *read(signal: AbortSignal): AsyncGenerator<readonly Transaction[]> {
    const { history, log } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { transactions, complete } = await this.#next();
        failures = 0;
        if (transactions.length > 0 && !signal.aborted) yield transactions;
        if (complete) await this.#wait(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (history.fault) throw history.fault;
        if (isUnreadable(error)) throw error;
        failures++;
        if (failures === 3) log.warn({ err: withoutDetails(error) }, "following the log failed; retrying");
        await new Doorbell().wait(backoffMs(failures), signal);
      }
    }
  }

  /** Reads the next page. */
  async #next(): Promise<{ readonly transactions: readonly Transaction[]; readonly complete: boolean }> {
    const { connections, history, own, limits } = this.#options;
    const start = own.skip(this.#position);
    for (;;) {
      const anchor = history.seen;
      this.#sought = this.#options.newest();
      const page = await connections.withConnection((connection) =>
        readNewest(connection, start, anchor, limits),
      );
      if (!history.learn(page.header, anchor)) continue;
      history.prove(page.header);
      if (page.header.horizon > start) return this.#passed(start, page.header.horizon);
      // What the logger has appended itself in between is not read.
      const reader = this.#reader?.position === start ? this.#reader : new PieceReader(start, 0);
      this.#reader = reader;
      const transactions = reader.add(page.pieces);
      if (page.complete) reader.expectEnd(page.header);
      const last = transactions.at(-1)?.sequence;
      if (last !== undefined) {
        await own.settled(last);
        this.#position = last;
      }
      return {
        transactions: transactions.filter(({ sequence }) => !own.includes(sequence)),
        complete: page.complete,
      };
    }
  }

  /** Events after `start` were compacted: skips them if the owner has applied them, otherwise throws. */
  #passed(start: number, horizon: number) {
    const { history, own, applied } = this.#options;
    const position = Math.max(own.skip(start), applied());
    if (position < horizon) throw history.outrun(start, horizon);
    this.#position = position;
    return { transactions: [], complete: false };
  }

  /** Waits until there may be a transaction of another writer, or until it is time to poll. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { own, newest, pollMs } = this.#options;
    const until = performance.now() + pollMs();
    for (;;) {
      const left = until - performance.now();
      if (left <= 0 || signal.aborted) return;
      await own.settled(newest());
      this.#position = own.skip(this.#position);
      if (newest() > Math.max(this.#position, this.#sought)) return;
      await this.bell.wait(left, signal);
    }
  }
}

function isUnreadable(error: unknown): boolean {
  return error instanceof DuetError && ["LOG_CORRUPT", "LOG_VERSION"].includes(error.reason);
}
