import { hashDigits } from "./state-hash.ts";
import type { Store } from "./store.ts";

/**
 * The number of revisions kept. Covers several heartbeats of the replicas at the highest rate that a shared log
 * reaches.
 */
const length = 32_768;

/** The state hash of a store at each of its latest revisions. */
export class HashHistory {
  readonly #revisions = new Float64Array(length).fill(-1);
  readonly #sums = new Int32Array(4 * length);

  /** Records the current hash of the store under its current revision. */
  record(store: Pick<Store, "revision" | "copyHash">): void {
    const slot = store.revision % length;
    this.#revisions[slot] = store.revision;
    store.copyHash(this.#sums, 4 * slot);
  }

  /** The hash at a revision as hexadecimal text; undefined when it was not recorded or is no longer kept. */
  at(revision: number): string | undefined {
    const slot = revision % length;
    return this.#revisions[slot] === revision
      ? hashDigits(this.#sums.subarray(4 * slot, 4 * slot + 4))
      : undefined;
  }
}
