import type { Database } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { ForwardCounts } from "./forward-counts.ts";

/** The memory for writes that wait for a writer or for their outcome, and for those that are committed here. */
export class ForwardBudget {
  readonly #counts: ForwardCounts;
  readonly #database: Pick<Database, "queueBytes">;
  readonly #limits: Pick<Limits, "queueBytesMax">;

  constructor(
    counts: ForwardCounts,
    database: Pick<Database, "queueBytes">,
    limits: Pick<Limits, "queueBytesMax">,
  ) {
    this.#counts = counts;
    this.#database = database;
    this.#limits = limits;
  }

  /** A rejection with OVERLOADED when there is no room for so many bytes; undefined: there is. */
  refuse(bytes: number): Promise<never> | undefined {
    const used = this.#counts.queueBytes + this.#database.queueBytes;
    if (used === 0 || used + bytes <= this.#limits.queueBytesMax) return undefined;
    this.#counts.overloaded++;
    const message = "too many writes wait for the writer; the limit is --queue-bytes-max. Try again later";
    return Promise.reject(new DuetError("OVERLOADED", message));
  }
}
