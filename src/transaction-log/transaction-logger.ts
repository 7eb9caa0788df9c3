/**
 * The log that makes the store last, in the words of its only caller, the committer.
 *
 * - event: one put, delete or touch of one key
 * - transaction: events that happen together, all or nothing
 * - request record: what a repeated request with the same request id returns
 * - sequence: the number of a transaction in the log, 1, 2, 3 … without gaps. The revision of an entry is the
 *   sequence of the transaction that last wrote it.
 * - horizon: compaction may have dropped events at or before this sequence that later ones had superseded at the horizon.
 *   Replaying the log gives the exact state at every sequence from the horizon on, and every transaction after it is as
 *   it was appended. 0 when nothing was ever dropped.
 * - torn: an unacknowledged, half-written end
 * - corrupt: damage before a good end
 */

/** Text or bytes, kept as it came. */
export type Value = string | Uint8Array;

/** A put carries all that is known of the entry, so that it can stand alone once older events are compacted away. */
export interface PutEvent {
  readonly type: "put";
  readonly key: string;
  readonly value: Value;
  /** Sequence of the transaction that made the key. */
  readonly createRevision: number;
  /** Writes since then, from 1. */
  readonly version: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

interface DeleteEvent {
  readonly type: "delete";
  readonly key: string;
  /** Deleted because its time to live had passed. */
  readonly expired: boolean;
}

/** Changes only the expire time of an entry; its value, revision, version and update time stay. */
interface TouchEvent {
  readonly type: "touch";
  readonly key: string;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

export type TransactionEvent = PutEvent | DeleteEvent | TouchEvent;

/** The entry after a put or touch, without its key and value. */
export interface EntryResult {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  /** Milliseconds since 1970 UTC. */
  readonly updateTime: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

/** What became of one mutation of a request. */
export interface RequestResult {
  /** After a put or touch. */
  readonly entry: EntryResult | undefined;
  /** After a delete: whether there was an entry. */
  readonly deleted: boolean;
}

/**
 * What a repeat with the same request id returns, at the revision of the transaction: encoded as
 * codec/request-record.ts says, because it is kept by the thousand and seldom read.
 */
export type RequestRecord = Uint8Array;

/** No key is in it twice. */
export interface Transaction {
  readonly sequence: number;
  /** When it was committed, milliseconds since 1970 UTC. Never less than that of the transaction before. */
  readonly time: number;
  /** Empty only where there is a request record. */
  readonly events: readonly TransactionEvent[];
  /** Undefined when the request had no request id. */
  readonly request: RequestRecord | undefined;
}

/** The part of an entry that compaction needs to know. */
export interface LiveEntry {
  readonly revision: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

/** What a compaction keeps. */
export interface Retention {
  /** Any sequence up to the newest durable one. */
  readonly horizon: number;
  /** The entry of `key` as it was at the horizon; undefined when there was none. */
  live(key: string): LiveEntry | undefined;
  /** Milliseconds since 1970 UTC. Request records at or before the horizon whose id has an earlier time are dropped. */
  readonly requestsSince: number;
}

/**
 * The outcome of an append. A conflict means that the log did not end at the basis: another writer came first, and
 * nothing of the batch was or will be written. `latest` is the sequence at which the log ends, where the log knows it.
 */
export type AppendOutcome =
  | { readonly appended: true }
  | { readonly appended: false; readonly latest: number | undefined };

/** A clock that all owners of a log share. */
export interface LogClock {
  /** Milliseconds since 1970 UTC. It may go back a little, where its estimate is corrected. */
  now(): number;
  /** False while this machine's own clock is too far off: then this owner leaves it to others to expire entries. */
  readonly agrees: boolean;
}

/** A process that has a shared log open, as its last heartbeat describes it. */
export interface LogOwner {
  /** Made when it opened the log. */
  readonly id: string;
  /** Whether it is this process. */
  readonly self: boolean;
  readonly applied: number;
  /** Of the state at `applied`; undefined while it has not replayed the log, and of releases before 0.2. */
  readonly hash: string | undefined;
  /** When it was heard of, by the clock of the log, in milliseconds since 1970 UTC. */
  readonly seenTime: number;
}

export interface TransactionLogger {
  /** Made with the log, at least 16 hexadecimal digits. A log with another id is another history. */
  readonly id: string;

  /** See the glossary above. Grows with `compact`. */
  readonly horizon: number;

  /** Whether others append to it as well: `follow` then yields what they append, and a read needs `latestSequence`. */
  readonly shared: boolean;

  /** What transactions are dated by, where several owners share the log; otherwise the owner's own clock is. */
  readonly clock?: LogClock;

  /** Why the log takes no writes at the moment; undefined when it does. It heals by itself where that is possible. */
  readonly fault: Error | undefined;

  /**
   * True while the disk has no room for anything but deletes; `fault` then says so, and `append` rejects transactions
   * with other events with LOG_UNAVAILABLE.
   */
  readonly deletesOnly?: boolean;

  /** The disk has little room left: `compact` should not wait until it is due. */
  readonly compactionWanted?: boolean;

  /**
   * Every durable transaction after `after`, oldest first, in batches. Those after the horizon are whole and without
   * gaps. Those at or before it hold at least the puts and request records that the last compaction had to keep; with
   * nothing left they are left out. Of what it dropped, something may be left: a touch or a delete of a key that is
   * not there means nothing. `after` is 0 or at least the horizon. Throws LOG_CORRUPT, LOG_VERSION or
   * DATABASE_WENT_BACK_IN_TIME rather than skip anything.
   */
  readTransactions(after: number): AsyncIterable<readonly Transaction[]>;

  /**
   * Appends `transactions`, which are numbered from `basis + 1` without gaps, right after `basis`. Resolves when all of
   * them are durable, or with a conflict when the log does not end at `basis`. Called again only after the last call has
   * settled. Rejects with
   * - LOG_UNAVAILABLE when nothing was written and nothing of it will ever be read;
   * - DATABASE_WENT_BACK_IN_TIME when in addition no later append will be: what this owner has read is not the log's
   *   past any more;
   * - OUTCOME_UNKNOWN when a later start may or may not find the batch, whole or not at all.
   */
  append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome>;

  /**
   * What other writers append after `after`, as it becomes durable, oldest first, each once. Ends only when `signal`
   * aborts. Throws LOG_CORRUPT when it cannot go on without leaving something out: the owner must start anew; LOG_VERSION
   * when a later release has appended; and DATABASE_WENT_BACK_IN_TIME. A logger with one writer yields nothing.
   */
  follow(after: number, signal: AbortSignal): AsyncIterable<readonly Transaction[]>;

  /** The newest durable sequence, as of some moment after the call: the read barrier. */
  latestSequence(): Promise<number>;

  /**
   * The owner has applied everything up to `sequence`. Compaction, by whichever owner, keeps what owners need that have
   * not come as far. `hash` returns the hash of the owner's state. It is called later, for the state at that time.
   */
  applied(sequence: number, hash?: () => string): void;

  /** Those that have the log open and are alive, this one among them. Only where several can. */
  readonly owners?: readonly LogOwner[];

  /** Set by the owner, called when `owners` has changed. */
  onOwners?: () => void;

  /**
   * Moves the horizon to `retention.horizon`, unless it is there already, and drops what at or before it is no longer
   * needed: events except for the live puts, which get the expire time of the live entry, and old request records. Every
   * transaction after the horizon stays as it is. Appends go on meanwhile. A second call while one is running joins it.
   * Rejects when it could not finish; the log is then as good as before.
   */
  compact(retention: Retention): Promise<void>;

  /** Waits for a running append, stops a compaction, and leaves nothing behind. Later appends are LOG_UNAVAILABLE. */
  close(): Promise<void>;
}
