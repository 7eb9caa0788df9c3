import type { Entry } from "./entry.ts";
import type { KeyRange } from "./key-range.ts";

/** Limits for what a snapshot keeps in memory that the store no longer has. */
export interface SnapshotBounds {
  /** How many bytes may be kept. */
  readonly keptBytesMax: number;
  /** How long it may be held where that keeps memory of the store from being used again, in milliseconds. */
  readonly msMax: number;
  /** Called when one of these is exceeded. It should release the snapshot. */
  readonly onTooLarge: () => void;
  /** The keys that will be read. Copies are kept of these keys only. */
  readonly selects: (key: string) => boolean;
  /** Called with each copy that is kept of an overwritten entry when that begins and when it ends. */
  readonly onKept: (entry: Entry) => void;
  readonly onLeft: (entry: Entry) => void;
}

export const unbounded: SnapshotBounds = {
  keptBytesMax: Number.POSITIVE_INFINITY,
  msMax: Number.POSITIVE_INFINITY,
  onTooLarge: () => {},
  selects: () => true,
  onKept: () => {},
  onLeft: () => {},
};

/** Entries, one after the other. */
export interface EntrySource {
  /** Removes and returns the next entry; undefined when all have been taken. */
  take(): Entry | undefined;
}

/** The state of a store at one revision, which can be read while the store changes. */
export interface Snapshot {
  readonly revision: number;
  get(key: string): Entry | undefined;
  /** The entries in key order, lazily. undefined stands where the caller may let others have their turn. */
  scan(range: KeyRange): Generator<Entry | undefined, void>;
  /** All entries in the order of their revisions. Rejects when the signal is aborted. The snapshot is read in no other way. */
  byRevision(signal: AbortSignal): Promise<EntrySource>;
  /** Must be called when the snapshot is no longer needed. The snapshot must not be read afterwards. */
  release(): void;
}
