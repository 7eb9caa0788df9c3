import { setTimeout as delay } from "node:timers/promises";
import type { Database, Operation } from "../database.ts";

export interface TermTimes {
  /** How long after a request was sent the writer may begin to append its operations, in milliseconds. */
  readonly lengthMs: number;
  /** How far the replicas may differ in what they take for the time of the log, in milliseconds. */
  readonly marginMs: number;
}

export const defaultTimes: TermTimes = { lengthMs: 5_000, marginMs: 1_000 };

export type TermDatabase = Pick<Database, "latestRevision" | "mayHaveChanged" | "revision" | "time">;

/**
 * The time in which the writer may evaluate the operations of a request. It begins when the term is created.
 *
 * The writer may still have an append on its way when the term is over, directly after the end that the log had before. It
 * fails as soon as anything else has been appended, is evaluated again, and that is too late. So an operation has its outcome
 * for good if this replica appends it after the term, or evaluates it at a later revision than that end. A failure at the end
 * of the log itself proves nothing: nothing is appended for it, and the append on its way may succeed.
 */
export class Term {
  /** By the clock of the log, in milliseconds since 1970 UTC. */
  readonly notAfter: number;
  readonly #database: TermDatabase;
  /** Everything that the writer appends for the request has a later revision; it evaluates nothing at an earlier one. */
  readonly revision: number;
  /** By the monotonic clock. */
  readonly #overTime: number;
  #over: Promise<number> | undefined;

  constructor(database: TermDatabase, { lengthMs, marginMs } = defaultTimes) {
    this.#database = database;
    this.revision = database.revision;
    this.notAfter = database.time + lengthMs;
    this.#overTime = performance.now() + lengthMs + marginMs;
  }

  /**
   * Resolves when the writer begins no more appends of these operations, with a revision of the log: those that are on
   * their way would come directly after it or before. Infinity: the log cannot be read. Rejects when `signal` aborts.
   */
  over(signal: AbortSignal): Promise<number> {
    return (this.#over ??= this.#end(signal));
  }

  async #end(signal: AbortSignal): Promise<number> {
    await delay(Math.max(0, this.#overTime - performance.now()), undefined, { signal });
    return this.#database.latestRevision().catch(() => Number.POSITIVE_INFINITY);
  }

  /** False: no append has had an effect on its keys since the term began, so neither this operation nor a later one has. */
  mayHaveApplied({ mutations }: Operation): boolean {
    return mutations.some(({ key }) => this.#database.mayHaveChanged(key, this.revision));
  }
}
