import { setTimeout as delay } from "node:timers/promises";
import type { Database, Operation } from "../database.ts";

export interface TermTimes {
  /** How long after a request was sent the writer may begin to append its operations, in milliseconds. */
  readonly lengthMs: number;
  /** How far the replicas may differ in what they take for the time of the log, in milliseconds. */
  readonly marginMs: number;
}

const defaultTimes: TermTimes = { lengthMs: 5_000, marginMs: 1_000 };

export type TermDatabase = Pick<Database, "mayHaveChanged" | "revision" | "time">;

/**
 * The time in which the writer may append the operations of a request. It begins when the term is created.
 *
 * A writer that is paused may still have an append on its way when the term is over. It fails as soon as anything else has
 * been appended, is evaluated again, and that is too late. So an operation that is evaluated here after the term, against the
 * newest state, has its outcome for good.
 */
export class Term {
  /** By the clock of the log, in milliseconds since 1970 UTC. */
  readonly notAfter: number;
  readonly #database: TermDatabase;
  /** Everything that the writer appends for the request has a later revision. */
  readonly #revision: number;
  /** By the monotonic clock. */
  readonly #overTime: number;

  constructor(database: TermDatabase, { lengthMs, marginMs } = defaultTimes) {
    this.#database = database;
    this.#revision = database.revision;
    this.notAfter = database.time + lengthMs;
    this.#overTime = performance.now() + lengthMs + marginMs;
  }

  /** Resolves when the writer begins no more appends of these operations. Rejects when `signal` aborts. */
  async over(signal: AbortSignal): Promise<void> {
    await delay(Math.max(0, this.#overTime - performance.now()), undefined, { signal });
  }

  /** False: no append has had an effect on its keys since the term began, so the operation was not applied. */
  mayHaveApplied({ mutations }: Operation): boolean {
    return mutations.some(({ key }) => this.#database.mayHaveChanged(key, this.#revision));
  }
}
