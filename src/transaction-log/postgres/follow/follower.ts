import type { LogSink } from "../../log-sink.ts";
import type { Transaction } from "../../transaction-logger.ts";
import type { OwnAppends } from "../append/own-appends.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { Connections } from "../connection/connections.ts";
import { withoutDetails } from "../connection/database-error.ts";
import { Doorbell } from "../connection/doorbell.ts";
import type { History } from "./history.ts";
import { type PageLimits, readNewest } from "./page.ts";
import { PieceReader } from "./piece-reader.ts";

export interface FollowOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly own: OwnAppends;
  readonly limits: PageLimits;
  readonly log: LogSink;
  /** The newest sequence that anybody has told of. */
  readonly newest: () => number;
  /** What the owner has applied, by whatever way it came there. */
  readonly applied: () => number;
  readonly pollMs: () => number;
}

/** One reader of what others append. */
export class Follower {
  readonly bell = new Doorbell();
  readonly #options: FollowOptions;
  /** Everything up to it was delivered, or is none of the follower's business. */
  #position: number;
  /** The newest that was told of before the last look, which has found it, if it was true. */
  #told = 0;

  constructor(options: FollowOptions, after: number) {
    this.#options = options;
    this.#position = after;
  }

  get position(): number {
    return this.#position;
  }

  /**
   * Ends when `signal` aborts; `closed` too ends it. Failures of the database are waited out. Throws LOG_CORRUPT when
   * it cannot go on without skipping something.
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
        if (isDamage(error)) throw error;
        failures++;
        if (failures === 3)
          log.warn({ err: withoutDetails(error) }, "the database cannot be followed; trying on");
        await new Doorbell().wait(backoffMs(failures), signal);
      }
    }
  }

  /** One look at what comes next. */
  async #next(): Promise<{ readonly transactions: readonly Transaction[]; readonly complete: boolean }> {
    const { connections, history, own, limits } = this.#options;
    const start = own.skip(this.#position);
    for (;;) {
      const anchor = history.seen;
      this.#told = this.#options.newest();
      const page = await connections.withConnection((connection) =>
        readNewest(connection, start, anchor, limits),
      );
      if (!history.learn(page.header, anchor)) continue;
      if (page.header.horizon > start) return this.#passed(start, page.header.horizon);
      const reader = new PieceReader(start, 0);
      const transactions = reader.add(page.pieces);
      if (page.complete) reader.expectEnd(page.header.sequence);
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

  /** Compaction has dropped what comes after `start`: good if the owner has it all the same. */
  #passed(start: number, horizon: number) {
    const { history, own, applied } = this.#options;
    const position = Math.max(own.skip(start), applied());
    if (position < horizon) throw history.outrun(start, horizon);
    this.#position = position;
    return { transactions: [], complete: false };
  }

  /** Waits until there is something that is not this logger's own, or it is time to look. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { own, newest, pollMs } = this.#options;
    const until = performance.now() + pollMs();
    for (;;) {
      const left = until - performance.now();
      if (left <= 0 || signal.aborted) return;
      await own.settled(newest());
      this.#position = own.skip(this.#position);
      if (newest() > Math.max(this.#position, this.#told)) return;
      await this.bell.wait(left, signal);
    }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && "reason" in error && error.reason === "LOG_CORRUPT";
}
