import type { Limits } from "../limits.ts";
import { entryBytes } from "./entry.ts";
import type { Change } from "./store.ts";

/** The changes of one transaction, or those of them that a watcher asked for. Shared by all who wait for it. */
export interface ChangeSet {
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly changes: readonly Change[];
  /** What they occupy, roughly: keys and values, also those before the change. */
  readonly bytes: number;
}

export function createChangeSet(revision: number, time: number, changes: readonly Change[]): ChangeSet {
  let bytes = 0;
  for (const { key, entry, previous } of changes) {
    bytes +=
      entryBytes(key, entry?.value ?? "") + (previous === undefined ? 0 : entryBytes(key, previous.value));
  }
  return { revision, time, changes, bytes };
}

/** The latest transactions, without gaps, bounded by the number of changes and by bytes. */
export class WatchHistory {
  readonly #limits: Pick<Limits, "watchHistoryEventsMax" | "watchHistoryBytesMax">;
  #sets: (ChangeSet | undefined)[] = [];
  /** Where the kept ones begin in #sets: dropping them one by one from the front of an array would be slow. */
  #head = 0;
  #oldest: number;
  #events = 0;
  #bytes = 0;

  /** `oldest`: the revision after which everything will be added. */
  constructor(limits: Pick<Limits, "watchHistoryEventsMax" | "watchHistoryBytesMax">, oldest: number) {
    this.#limits = limits;
    this.#oldest = oldest;
  }

  /** Everything after this revision is kept. */
  get oldest(): number {
    return this.#oldest;
  }

  add(set: ChangeSet): void {
    // Before that there are gaps: a replay also goes through what compaction has left.
    if (set.revision <= this.#oldest) return;
    this.#sets.push(set);
    this.#events += set.changes.length;
    this.#bytes += set.bytes;
    while (
      this.#events > this.#limits.watchHistoryEventsMax ||
      this.#bytes > this.#limits.watchHistoryBytesMax
    ) {
      this.#dropOldest();
    }
  }

  /** The transaction `revision`; undefined if it is no longer, or not yet, there. */
  at(revision: number): ChangeSet | undefined {
    const index = revision - this.#oldest - 1;
    return index < 0 ? undefined : this.#sets[this.#head + index];
  }

  #dropOldest(): void {
    const set = this.#sets[this.#head] as ChangeSet;
    this.#sets[this.#head++] = undefined;
    this.#oldest = set.revision;
    this.#events -= set.changes.length;
    this.#bytes -= set.bytes;
    if (this.#head > 1024 && this.#head * 2 > this.#sets.length) {
      this.#sets = this.#sets.slice(this.#head);
      this.#head = 0;
    }
  }
}
