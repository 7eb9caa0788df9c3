import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { knownOf } from "./barrier.ts";
import { asCorrupt, ChainError, type ChainedBatch, type Cursor, chain } from "./chain.ts";
import { readOtherCopies } from "./copies.ts";
import { type Copy, type LogPage, lagMs } from "./driver.ts";
import type { History } from "./history.ts";

/** So many messages are read through the leader, one at a time, rather than a page of any copy and then its end. */
const nearby = 8;

/**
 * Reads batches in order and checks that they are a chain. It reads any copy. If that lacks a batch or has a damaged one,
 * the other copies are read; nothing is ever skipped.
 */
export class LogReader {
  readonly #history: History;
  #cursor: Cursor;
  /** Everything that some copy has up to here was read. */
  #reached: number;
  /** What is wrong with the copy whose page was read last, right after the cursor. */
  #damage: ChainError | undefined;

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
   * Reads the next page of any copy: none when there is nothing new. Rejects with the driver's error, with LOG_VERSION,
   * with LOG_CORRUPT when all copies are damaged, and with the fault of the history.
   */
  next(): Promise<readonly ChainedBatch[]> {
    return this.#next("any");
  }

  /**
   * Yields pages until everything up to the position of a barrier was read. Only the leader's copy shows that nothing
   * follows: another one may have lost the newest batches. Rejects as `next`.
   */
  async *readTo(position: number, signal?: AbortSignal): AsyncGenerator<readonly ChainedBatch[]> {
    let pauseMs = 1;
    let copy: Copy = "leader";
    for (let end = performance.now() + lagMs; ; ) {
      signal?.throwIfAborted();
      const before = this.#reached;
      const batches = await this.#next(copy);
      if (batches.length > 0) yield batches;
      if (copy === "leader" && this.#reached >= position) return;
      const isProgress = this.#reached > before;
      const next = batches.length > 0 && position - this.#reached > nearby ? "any" : "leader";
      if (next !== copy && next === "leader") this.#reached = this.#cursor.position;
      copy = next;
      if (isProgress) {
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

  async #next(copy: Copy): Promise<readonly ChainedBatch[]> {
    const damage = this.#damage;
    this.#damage = undefined;
    // Another copy may have what is missing; then nobody would know of the damage.
    if (damage !== undefined) return this.#readOtherCopies(damage);
    try {
      return await this.#read(copy);
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      return this.#readOtherCopies(error);
    }
  }

  async #readOtherCopies(damage: ChainError): Promise<readonly ChainedBatch[]> {
    const history = this.#history;
    const outdated = await history.outdated(this.#cursor);
    if (outdated) throw outdated;
    const copies = await history.reportDamage(damage);
    const from = this.#cursor;
    try {
      return await readOtherCopies(history.driver, (copy) => {
        this.#reached = this.#cursor.position;
        return this.#read(copy);
      });
    } catch (error) {
      throw asCorrupt(error, copies);
    } finally {
      // A copy that has nothing after the cursor does not show that there is nothing.
      if (this.#cursor === from) this.#reached = from.position;
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
      const known = this.#knownIn(page);
      if (known > end.position) throw new ChainError(`message ${known}, a batch, is missing`);
    } catch (error) {
      // What is before the damage is good.
      if (batches.length === 0) throw error;
      broken = error;
      if (error instanceof ChainError) this.#damage = error;
    }
    this.#cursor = end;
    this.#reached = broken === undefined ? Math.max(this.#reached, page.reached) : end.position;
    return batches;
  }

  /** The newest batch up to the end of a page, as far as it is known, even if this copy has lost it and nothing follows. */
  #knownIn({ barrier, reached }: LogPage): number {
    const { id, seen } = this.#history;
    return Math.max(knownOf(barrier, id), seen.position <= reached ? seen.position : 0);
  }
}
