import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { knownOf } from "./barrier.ts";
import { ChainError, type ChainedBatch, type Cursor, chain } from "./chain.ts";
import { type Copy, lagMs } from "./driver.ts";
import type { History } from "./history.ts";

/**
 * Reads batches in order and checks that they are a chain. It reads any copy. One that lacks a batch or has a damaged one
 * is read again through the leader; nothing is ever skipped.
 */
export class LogReader {
  readonly #history: History;
  #cursor: Cursor;
  /** Everything that some copy has up to here was read. */
  #reached: number;

  constructor(history: History, cursor: Cursor) {
    this.#history = history;
    this.#cursor = cursor;
    this.#reached = cursor.position;
  }

  /** The end of the last batch that was read. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /**
   * Reads the next page: none when there is nothing new. Rejects with the driver's error, with LOG_VERSION, with
   * LOG_CORRUPT when the leader has no next batch either, and with the fault of the history.
   */
  async next(): Promise<readonly ChainedBatch[]> {
    try {
      return await this.#read("any");
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      const copies = await this.#history.driver.describeCopies();
      this.#history.log.warn(
        { copies, what: error.message },
        "a copy of the log is damaged; reading through the leader",
      );
    }
    this.#reached = this.#cursor.position;
    try {
      return await this.#read("leader");
    } catch (error) {
      throw error instanceof ChainError ? await this.#history.explain(this.#cursor, error) : error;
    }
  }

  /** Yields what `next` returns until everything up to the position of a barrier was read. */
  async *readTo(position: number, signal?: AbortSignal): AsyncGenerator<readonly ChainedBatch[]> {
    let pauseMs = 1;
    for (let end = performance.now() + lagMs; this.#reached < position; ) {
      signal?.throwIfAborted();
      const before = this.#reached;
      const batches = await this.next();
      if (batches.length > 0) yield batches;
      if (this.#reached > before) {
        pauseMs = 1;
        end = performance.now() + lagMs;
        continue;
      }
      // The copy is older than the barrier.
      if (performance.now() > end) {
        throw new DuetError(
          "LOG_UNAVAILABLE",
          `no copy of the log has shown message ${position} for ${lagMs} ms`,
        );
      }
      await delay(pauseMs);
      pauseMs = Math.min(2 * pauseMs, 100);
    }
  }

  async #read(copy: Copy): Promise<readonly ChainedBatch[]> {
    const page = await this.#history.driver.read(this.#reached, copy);
    const batches: ChainedBatch[] = [];
    let end = this.#cursor;
    let broken: unknown;
    try {
      for (const message of page.batches) {
        const batch = chain(end, message);
        ({ end } = batch);
        batches.push(batch);
      }
      // A barrier shows that there is a batch, even if the copy has lost it and nothing follows.
      const known = knownOf(page.barrier, this.#history.id);
      if (known > end.position) throw new ChainError(`message ${known}, a batch, is missing`);
    } catch (error) {
      // What is before the damage is good. The damage is met again in the next page.
      if (batches.length === 0) throw error;
      broken = error;
    }
    this.#cursor = end;
    this.#reached = broken === undefined ? Math.max(this.#reached, page.reached) : end.position;
    return batches;
  }
}
