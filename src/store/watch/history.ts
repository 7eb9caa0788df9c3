import type { Limits } from "../../limits.ts";
import { entryOverheadBytes } from "../entry.ts";
import type { Change } from "../store.ts";
import { textBytes } from "../text.ts";

/** The changes of one transaction, or those of them that a watcher asked for. Shared by all watchers that wait for it. */
export interface ChangeSet {
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly changes: readonly Change[];
  /** Whether the entries before have their values; otherwise the empty text stands in their place. */
  readonly previousValues: boolean;
  /** What they occupy at the most: themselves, and the entries before and after. */
  readonly bytes: number;
  /** In how many queues it waits. */
  waiting: number;
}

/** What a change of one key and its transaction occupy beside the entries. */
const changeOverheadBytes = 176;

/**
 * Entries before and after a transaction are kept, and sent, up to this many bytes; beyond it those before lose their
 * values. A thousand deletes of large values would make a message that no client takes, again each time it resumes.
 */
const entriesBytesMax = 4 * 1024 * 1024 - 64 * 1024;

export function createChangeSet(
  revision: number,
  time: number,
  changes: readonly Change[],
  previousValues = true,
): ChangeSet {
  let bytes = 0;
  for (const { key, entry, previous } of changes) {
    bytes += changeOverheadBytes + (entry?.bytes ?? textBytes(key)) + (previous?.bytes ?? 0);
  }
  return { revision, time, changes, previousValues, bytes, waiting: 0 };
}

/** The change set of a transaction. */
export function createTransactionSet(revision: number, time: number, changes: readonly Change[]): ChangeSet {
  const set = createChangeSet(revision, time, changes);
  if (set.bytes <= entriesBytesMax) return set;
  return createChangeSet(revision, time, changes.map(withoutPreviousValue), false);
}

function withoutPreviousValue(change: Change): Change {
  const { previous } = change;
  if (previous === undefined) return change;
  const bytes = entryOverheadBytes + textBytes(previous.key);
  return { ...change, previous: { ...previous, value: "", bytes } };
}

/** The same without the entries before the changes. */
export function withoutPrevious({ revision, time, changes }: ChangeSet): ChangeSet {
  return createChangeSet(
    revision,
    time,
    changes.map((change) => (change.previous === undefined ? change : { ...change, previous: undefined })),
  );
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
