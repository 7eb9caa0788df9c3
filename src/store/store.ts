import type { Transaction } from "../transaction-log/transaction-logger.ts";
import type { Entry, EntryView } from "./entry.ts";
import type { KeyRange } from "./key-range.ts";
import type { Snapshot, SnapshotBounds } from "./snapshot.ts";

/** The effect of one event on one key. */
export interface Change {
  readonly key: string;
  /** undefined: the key was deleted. */
  readonly entry: Entry | undefined;
  /** undefined: there was no entry. */
  readonly previous: Entry | undefined;
  /** The key was deleted because its time to live had passed. */
  readonly expired: boolean;
  /** Only the expire time changed. That makes no new version, and watchers do not receive it. */
  readonly touched: boolean;
  /** Sequence of the transaction that made the change. */
  readonly revision: number;
}

/** All entries at one revision. */
export interface State {
  readonly revision: number;
  get(key: string): Entry | undefined;
  /** The same entry for a reader that needs it in this turn of the event loop only: nothing is copied. */
  view(key: string): EntryView | undefined;
  /**
   * Entries in key order, lazily. In the state of the past undefined stands where the caller may let others have their
   * turn; elsewhere it must be consumed at once, and ends early, unnoticed, when the store is changed meanwhile.
   */
  scan(range: KeyRange, reverse: boolean): Generator<Entry | undefined, void>;
  /** The number of keys in the range. */
  count(range: KeyRange): number | Promise<number>;
}

/** The room that a store has for one batch of changes. */
export interface Room {
  /**
   * Takes what an operation needs whose events leave these entries, undefined for a delete, and make the store larger by
   * `added` entries. Returns why there is no such room, and then takes nothing.
   */
  take(entries: readonly (Entry | undefined)[], added: number): string | undefined;
}

/** The store as all code but the committer sees it. Its revision is the sequence of the last applied transaction. */
export interface ReadonlyStore extends State {
  /** Time of the last applied transaction. */
  readonly time: number;
  /** Number of entries. */
  readonly size: number;
  /** The memory that the entries take, in bytes: the sum of `bytesOf`. */
  readonly bytes: number;
  /**
   * The `StateHash` of all entries, in hexadecimal. Two stores at the same revision have the same hash if they hold
   * the same entries.
   */
  readonly hash: string;
  /**
   * At most `limit` entries that have expired at `now` (milliseconds since 1970), those with the oldest expire time
   * first.
   */
  expired(now: number, limit: number): readonly Entry[];
  /**
   * The entry of a key that may be replaced, as the store has it; undefined when there is none. It may be read until the store is
   * changed. The text of its key may stay in memory.
   */
  stored(key: string): EntryView | undefined;
  /** The memory that an entry takes in this store, in bytes. It need not be in it. */
  bytesOf(entry: EntryView): number;
  /**
   * Of the store as it is. What it lets pass is sure to fit if nothing else is applied before. To be called before each batch: the
   * store then expects changes.
   */
  room(): Room;
  /** A snapshot of the current state, valid until it is released. */
  snapshot(options?: Partial<SnapshotBounds>): Snapshot;
}

/** All entries in memory. Only the committer changes them. */
export interface Store extends ReadonlyStore {
  /** The entries of `scan`, which are never undefined here. */
  scan(range: KeyRange, reverse: boolean): Generator<Entry, void>;
  /** The keys of `scan`. */
  keys(range: KeyRange, reverse: boolean): Generator<string, void>;
  count(range: KeyRange): number;
  /** See `StateHash.copyTo`. */
  copyHash(target: Int32Array, offset: number): void;
  /**
   * Copies the hash of the entry that the last event of the last transaction has put (`hashOf`), to `target` at `offset`. To
   * be called right after `apply`.
   */
  copyEntryHash(target: Int32Array, offset: number): void;
  /**
   * Applies a durable transaction, which must be later than all before it. Returns the changes that its events made.
   *
   * `entries`, if given, are the entries that the events create, so that they need not be built and measured again:
   * one for each event, undefined for a delete. A touch of a missing key does nothing: compaction may leave such a
   * touch in the log.
   */
  apply(
    transaction: Omit<Transaction, "request">,
    entries?: readonly (Entry | undefined)[],
  ): readonly Change[];
  /**
   * Ends a batch of transactions: frees the memory of what they replaced, and lets other threads see them. To be called after
   * each batch; the memory of the batch, and of what it replaced, stays in use before.
   */
  publish(): void;
  /**
   * Sets the revision after a replay. Compaction may have removed the last transactions up to `revision` entirely.
   */
  advance(revision: number): void;
}
