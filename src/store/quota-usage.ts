import { giveWay } from "./give-way.ts";
import { toOrderKey } from "./key-order.ts";
import { afterKey, type KeyRange, prefixRange } from "./key-range.ts";
import type { Change, ReadonlyStore } from "./store.ts";

/** The entries that are counted in one go; about 0.3 ms. */
const sliceEntriesMax = 1000;

/** What the entries whose keys begin with a prefix may take together. */
export interface Quota {
  readonly prefix: string;
  /** Bytes of memory, as `ReadonlyStore.bytesOf` counts it; undefined: any number. */
  readonly bytesMax: number | undefined;
  /** undefined: any number. */
  readonly entriesMax: number | undefined;
}

/** What the entries of a quota take. */
export class QuotaCounter {
  quota: Quota;
  bytes = 0;
  entries = 0;
  /** The keys that are still to be counted; undefined: none. */
  #uncounted: KeyRange | undefined;

  constructor(quota: Quota) {
    this.quota = quota;
    this.#uncounted = prefixRange(quota.prefix);
  }

  get isComplete(): boolean {
    return this.#uncounted === undefined;
  }

  /** Counts a change of one of its keys. The keys that `count` has yet to reach are left to it. */
  applied({ key, previous, entry }: Change, store: ReadonlyStore): void {
    if (this.#uncounted !== undefined && toOrderKey(key) >= this.#uncounted.start) return;
    if (entry !== undefined) this.bytes += store.bytesOf(entry);
    if (previous !== undefined) this.bytes -= store.bytesOf(previous);
    this.entries += (entry === undefined ? 0 : 1) - (previous === undefined ? 0 : 1);
  }

  /** Counts up to `most` further entries of the store. Returns how many it has counted. */
  count(store: ReadonlyStore, most: number): number {
    const range = this.#uncounted;
    if (range === undefined) return 0;
    let counted = 0;
    for (const entry of store.scan(range, false)) {
      if (entry === undefined) continue;
      this.bytes += store.bytesOf(entry);
      this.entries++;
      if (++counted < most) continue;
      this.#uncounted = afterKey(range, entry.key);
      return counted;
    }
    this.#uncounted = undefined;
    return counted;
  }
}

/**
 * What the entries under each quota take, as the store changes. A quota that is new to a large store is counted in the
 * background: `of` shows it once that is complete.
 */
export class QuotaUsage {
  readonly #store: ReadonlyStore;
  /** By prefix. */
  #counters: ReadonlyMap<string, QuotaCounter> = new Map();
  /** The lengths of the prefixes, each once. */
  #lengths: readonly number[] = [];
  #isCounting = false;

  constructor(store: ReadonlyStore, quotas: readonly Quota[]) {
    this.#store = store;
    this.set(quotas);
  }

  /** Whether there are no quotas. */
  get isEmpty(): boolean {
    return this.#lengths.length === 0;
  }

  /** Replaces the quotas, whose prefixes differ. A prefix that has a quota already is not counted again. */
  set(quotas: readonly Quota[]): void {
    const before = this.#counters;
    this.#counters = new Map(
      quotas.map((quota) => {
        const counter = before.get(quota.prefix) ?? new QuotaCounter(quota);
        counter.quota = quota;
        return [quota.prefix, counter] as const;
      }),
    );
    this.#lengths = [...new Set(quotas.map(({ prefix }) => prefix.length))];
    void this.#count();
  }

  /** Must be called with the changes of each transaction, in the turn in which the store has applied it. */
  applied(changes: readonly Change[]): void {
    if (this.isEmpty) return;
    for (const change of changes) {
      for (const counter of this.#all(change.key)) counter.applied(change, this.#store);
    }
  }

  /** The quotas that a key counts towards. */
  *of(key: string): Generator<QuotaCounter, void> {
    for (const counter of this.#all(key)) if (counter.isComplete) yield counter;
  }

  /** One lookup for each length, however many prefixes there are. */
  *#all(key: string): Generator<QuotaCounter, void> {
    for (const length of this.#lengths) {
      if (length > key.length) continue;
      const counter = this.#counters.get(key.slice(0, length));
      if (counter !== undefined) yield counter;
    }
  }

  async #count(): Promise<void> {
    // The one that is under way finds the new ones, too.
    if (this.#isCounting) return;
    this.#isCounting = true;
    let left = sliceEntriesMax;
    for (const counter of this.#incomplete()) {
      // Thousands of prefixes without entries take time, too.
      left -= Math.max(1, counter.count(this.#store, left));
      if (left > 0) continue;
      await giveWay();
      left = sliceEntriesMax;
    }
    this.#isCounting = false;
  }

  /** Each counter until it is complete. `set` may replace them meanwhile. */
  *#incomplete(): Generator<QuotaCounter, void> {
    let counters: ReadonlyMap<string, QuotaCounter> | undefined;
    while (counters !== this.#counters) {
      counters = this.#counters;
      for (const counter of counters.values()) {
        while (counters === this.#counters && !counter.isComplete) yield counter;
      }
    }
  }
}
