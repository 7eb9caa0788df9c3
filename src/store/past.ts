import type { Entry } from "./entry.ts";
import type { History } from "./history.ts";
import { toOrderKey } from "./key-order.ts";
import type { KeyRange } from "./key-range.ts";
import type { State } from "./store.ts";

/**
 * The state of a store at an earlier revision that its history reaches: the present, and of each key that has changed
 * since, the entry before its first change. To be read in one turn of the event loop.
 */
export class PastState implements State {
  readonly revision: number;
  readonly #store: State;
  readonly #history: History;

  constructor(store: State, history: History, revision: number) {
    this.revision = revision;
    this.#store = store;
    this.#history = history;
  }

  get(key: string): Entry | undefined {
    const change = this.#history.changeAfter(key, this.revision);
    return change === undefined ? this.#store.get(key) : change.previous;
  }

  *scan(range: KeyRange, reverse: boolean): Generator<Entry, void> {
    const deleted = this.#deleted(range, reverse);
    let next = deleted.next();
    for (const present of this.#store.scan(range, reverse)) {
      while (next.done !== true && isBefore(next.value.key, present.key, reverse)) {
        yield next.value;
        next = deleted.next();
      }
      const change = this.#history.changeAfter(present.key, this.revision);
      const entry = change === undefined ? present : change.previous;
      if (entry !== undefined) yield entry;
    }
    if (next.done !== true) {
      yield next.value;
      yield* deleted;
    }
  }

  /** Takes as long as there were changes since. */
  count({ start, end }: KeyRange): number {
    const { revision } = this;
    let count = this.#store.count({ start, end });
    for (let next = revision + 1; next <= this.#store.revision; next++) {
      for (const change of this.#history.at(next)?.changes ?? []) {
        const { key, previous } = change;
        const orderKey = toOrderKey(key);
        if (orderKey < start || (end !== undefined && orderKey >= end)) continue;
        if (this.#history.changeAfter(key, revision) !== change) continue;
        count += Number(previous !== undefined) - Number(this.#store.get(key) !== undefined);
      }
    }
    return count;
  }

  /** The entries that were there and are not any more. */
  *#deleted(range: KeyRange, reverse: boolean): Generator<Entry, void> {
    for (const key of this.#history.deletedKeys(range, reverse)) {
      const entry = this.get(key);
      if (entry !== undefined) yield entry;
    }
  }
}

function isBefore(key: string, other: string, reverse: boolean): boolean {
  return toOrderKey(key) < toOrderKey(other) !== reverse;
}
