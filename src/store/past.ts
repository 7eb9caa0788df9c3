import type { Entry, EntryView } from "./entry.ts";
import { Slice } from "./give-way.ts";
import { type History, revisionCompacted } from "./history.ts";
import { keySlices } from "./key-index.ts";
import { toOrderKey } from "./key-order.ts";
import type { KeyRange } from "./key-range.ts";
import type { State, Store } from "./store.ts";

type PresentState = Pick<Store, "revision" | "get" | "view" | "keys" | "count">;

/**
 * The state of a store at an earlier revision that its history reaches: the entries of the store, except that each
 * key changed since has the entry before its first change. Valid for one turn of the event loop.
 */
export class PastState implements State {
  readonly revision: number;
  readonly #store: PresentState;
  readonly #history: History;

  constructor(store: PresentState, history: History, revision: number) {
    this.revision = revision;
    this.#store = store;
    this.#history = history;
  }

  get(key: string): Entry | undefined {
    const change = this.#history.changeAfter(key, this.revision);
    return change === undefined ? this.#store.get(key) : change.previous;
  }

  view(key: string): EntryView | undefined {
    const change = this.#history.changeAfter(key, this.revision);
    return change === undefined ? this.#store.view(key) : change.previous;
  }

  *scan(range: KeyRange, reverse: boolean): Generator<Entry | undefined, void> {
    const present = (rest: KeyRange) => this.#store.keys(rest, reverse);
    const deleted = (rest: KeyRange) => this.#history.deletedKeys(rest, reverse);
    // A list of one level begins a scan for each name, and takes little of it.
    yield undefined;
    for (const keys of keySlices(range, reverse, present, deleted)) {
      this.#assertKept();
      for (const key of keys) {
        const entry = this.get(key);
        if (entry !== undefined) yield entry;
      }
      yield undefined;
    }
  }

  /**
   * The number of current keys, less those that were created since, plus those that were deleted. Takes time in
   * proportion to the number of changes.
   */
  async count({ start, end }: KeyRange): Promise<number> {
    const slice = new Slice();
    let came = 0;
    for (let next = this.revision + 1; next <= this.#store.revision; next++) {
      if (slice.isOver) {
        await slice.giveWay();
        if (next <= this.#history.oldest) throw revisionCompacted(this.#history.oldestState);
      }
      for (const { key, entry, previous } of this.#history.at(next)?.changes ?? []) {
        if ((entry === undefined) === (previous === undefined)) continue;
        const orderKey = toOrderKey(key);
        if (orderKey < start || (end !== undefined && orderKey >= end)) continue;
        came += entry === undefined ? -1 : 1;
      }
    }
    return this.#store.count({ start, end }) - came;
  }

  #assertKept(): void {
    const { oldestState } = this.#history;
    if (this.revision < oldestState) throw revisionCompacted(oldestState);
  }
}
