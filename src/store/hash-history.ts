import { hashDigits } from "./state-hash.ts";
import type { Store } from "./store.ts";

/** Enough for several heartbeats of the replicas, at more transactions than a shared log takes. */
const length = 32_768;

/** The hash of a store at each of its last revisions. */
export class HashHistory {
  readonly #revisions = new Float64Array(length).fill(-1);
  readonly #sums = new Int32Array(4 * length);

  /** Records the hash of the store as it is now. */
  record(store: Pick<Store, "revision" | "copyHash">): void {
    const slot = store.revision % length;
    this.#revisions[slot] = store.revision;
    store.copyHash(this.#sums, 4 * slot);
  }

  /** Undefined when it was not recorded, or is too long ago. */
  at(revision: number): string | undefined {
    const slot = revision % length;
    return this.#revisions[slot] === revision
      ? hashDigits(this.#sums.subarray(4 * slot, 4 * slot + 4))
      : undefined;
  }
}
