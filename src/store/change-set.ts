import { entryOverheadBytes } from "./entry.ts";
import type { Change } from "./store.ts";
import { textBytes } from "./text.ts";

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
  /** The part of it that the store does not occupy as well: all but the entries after, which are later ones' before. */
  readonly pastBytes: number;
  /** In how many queues it waits. */
  waiting: number;
}

/** What a transaction occupies beside its changes. */
const setOverheadBytes = 190;

/** What a change of one key occupies beside the entries. */
const changeOverheadBytes = 90;

/**
 * Entries before and after a transaction are sent up to this many bytes; beyond it those before lose their values. A
 * thousand deletes of large values would make a message that no client takes, again each time it resumes.
 */
const sentBytesMax = 4 * 1024 * 1024 - 64 * 1024;

export function createChangeSet(
  revision: number,
  time: number,
  changes: readonly Change[],
  previousValues = true,
): ChangeSet {
  let entryBytes = 0;
  let pastBytes = setOverheadBytes;
  for (const { key, entry, previous } of changes) {
    if (entry !== undefined) entryBytes += entry.bytes;
    pastBytes += changeOverheadBytes + (previous?.bytes ?? textBytes(key));
  }
  return { revision, time, changes, previousValues, bytes: entryBytes + pastBytes, pastBytes, waiting: 0 };
}

/** What watchers are sent of a transaction; without changes when that is nothing. */
export function forWatchers(complete: ChangeSet): ChangeSet {
  const set = complete.changes.some(({ touched }) => touched) ? withoutTouches(complete) : complete;
  return set.previousValues && set.bytes > sentBytesMax ? withoutPreviousValues(set) : set;
}

function withoutTouches({ revision, time, changes, previousValues }: ChangeSet): ChangeSet {
  const others = changes.filter(({ touched }) => !touched);
  return createChangeSet(revision, time, others, previousValues);
}

/** The same without the entries before the changes. */
export function withoutPrevious({ revision, time, changes }: ChangeSet): ChangeSet {
  return createChangeSet(
    revision,
    time,
    changes.map((change) => (change.previous === undefined ? change : { ...change, previous: undefined })),
  );
}

/** The same without the values of the entries before the changes. */
export function withoutPreviousValues({ revision, time, changes }: ChangeSet): ChangeSet {
  return createChangeSet(revision, time, changes.map(withoutPreviousValue), false);
}

function withoutPreviousValue(change: Change): Change {
  const { previous } = change;
  if (previous === undefined) return change;
  const bytes = entryOverheadBytes + textBytes(previous.key);
  return { ...change, previous: { ...previous, value: "", bytes } };
}
