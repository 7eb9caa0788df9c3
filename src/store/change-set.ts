import { entryOverheadBytes } from "./entry.ts";
import type { Change } from "./store.ts";
import { textBytes } from "./text.ts";

/**
 * The changes of one transaction, or the part of them that a watcher selects. All watchers that wait for it share one
 * object.
 */
export interface ChangeSet {
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly changes: readonly Change[];
  /** Whether `previous` entries have their values. If not, their values are the empty text. */
  readonly previousValues: boolean;
  /** An upper bound of the memory that the changes occupy, including the entries before and after each change. */
  readonly bytes: number;
  /** The part of `bytes` that the store does not hold as well: everything but the entries after the changes. */
  readonly pastBytes: number;
  /** The number of queues that it waits in. */
  waiting: number;
}

/** Bytes of memory that a transaction takes in addition to its changes. */
const setOverheadBytes = 190;

/** Bytes of memory that a change takes in addition to its entries. */
const changeOverheadBytes = 90;

/**
 * The largest change set that watchers receive with the values of `previous` entries; a larger one is sent without
 * them. A thousand deletes of large values would make a message that no client accepts, again each time the watch
 * resumes.
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

/**
 * The part of a transaction that watchers receive: without touches, and within `sentBytesMax`. It may have no
 * changes.
 */
export function forWatchers(complete: ChangeSet): ChangeSet {
  const set = complete.changes.some(({ touched }) => touched) ? withoutTouches(complete) : complete;
  return set.previousValues && set.bytes > sentBytesMax ? withoutPreviousValues(set) : set;
}

function withoutTouches({ revision, time, changes, previousValues }: ChangeSet): ChangeSet {
  const others = changes.filter(({ touched }) => !touched);
  return createChangeSet(revision, time, others, previousValues);
}

/** The same change set without `previous` entries. */
export function withoutPrevious({ revision, time, changes }: ChangeSet): ChangeSet {
  return createChangeSet(
    revision,
    time,
    changes.map((change) => (change.previous === undefined ? change : { ...change, previous: undefined })),
  );
}

/** The same change set without the values of `previous` entries. */
export function withoutPreviousValues({ revision, time, changes }: ChangeSet): ChangeSet {
  return createChangeSet(revision, time, changes.map(withoutPreviousValue), false);
}

function withoutPreviousValue(change: Change): Change {
  const { previous } = change;
  if (previous === undefined) return change;
  const bytes = entryOverheadBytes + textBytes(previous.key);
  return { ...change, previous: { ...previous, value: "", bytes } };
}
