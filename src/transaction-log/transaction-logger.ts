import type { RequestId } from "./codec/request-id.ts";

/**
 * The interface of a transaction log, which makes the store durable. Its only caller is the committer.
 *
 * - event: one put, delete or touch of one key
 * - transaction: events that are applied together, all or none
 * - request record: the result of a request with a request id, for repeats of the request
 * - plain put: a request with a request id that is one put without checks or expire time. Its put event has the result, so
 *   the log has only its id.
 * - sequence: the number of a transaction in the log, 1, 2, 3 … without gaps. The revision of an entry is the
 *   sequence of the transaction that last wrote it.
 * - horizon: compaction may have dropped events at or before this sequence that later events, up to the horizon,
 *   replaced. A replay gives the exact state at the horizon and at every later sequence, and every transaction after the
 *   horizon is complete. 0 if nothing was ever dropped.
 * - torn: an incomplete end of the log that was never acknowledged
 * - corrupt: damage before the end of the log
 */

/** Text or bytes, as the client sent it. */
export type Value = string | Uint8Array;

/** A put contains the whole entry, so that older events can be compacted away. */
export interface PutEvent {
  readonly type: "put";
  readonly key: string;
  readonly value: Value;
  /** The sequence of the transaction that created the key. */
  readonly createRevision: number;
  /** The number of writes since then, from 1. */
  readonly version: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

interface DeleteEvent {
  readonly type: "delete";
  readonly key: string;
  /** The key was deleted because its time to live had passed. */
  readonly expired: boolean;
}

/** Changes only the expire time of an entry, not its value, revision, version or update time. */
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

/** The result of one mutation of a request. */
export interface RequestResult {
  /** After a put or touch. */
  readonly entry: EntryResult | undefined;
  /** After a delete: whether there was an entry. */
  readonly deleted: boolean;
}

/** The result that a repeat of the request returns, at the revision of the transaction. */
export type RequestRecord = Uint8Array;

/** A transaction has at most one event for each key. */
export interface Transaction {
  readonly sequence: number;
  /** The time of the commit, in milliseconds since 1970 UTC. Never before that of the previous transaction. */
  readonly time: number;
  /** Empty only if there is a request record. One put without an expire time if there is a request id. */
  readonly events: readonly TransactionEvent[];
  /** The id of a plain put, or the record of any other request; undefined when the request had no request id. */
  readonly request: RequestId | RequestRecord | undefined;
}

/** The part of an entry that compaction needs. */
export interface LiveEntry {
  readonly revision: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

/** Decides what a compaction keeps. */
export interface Retention {
  /** The new horizon: any sequence up to the newest durable one. */
  readonly horizon: number;
  /** The entry of `key` at the horizon; undefined when there was none. */
  live(key: string): LiveEntry | undefined;
  /** Milliseconds since 1970 UTC. Requests at or before the horizon whose id has an earlier time are dropped. */
  readonly requestsSince: number;
  /** The record of a plain put, for when its event is dropped or changed. */
  recordOf(id: RequestId, put: PutEvent, transaction: Transaction): RequestRecord;
}

/**
 * The outcome of an append. A conflict means that the log did not end at the basis: another writer appended first,
 * and no part of the batch was or will be written. `latest` is the sequence at which the log ends, if known.
 */
export type AppendOutcome =
  | { readonly appended: true }
  | { readonly appended: false; readonly latest: number | undefined };

/** A clock that all owners of a log share. */
export interface LogClock {
  /** Milliseconds since 1970 UTC. It may go back a little when its estimate is corrected. */
  now(): number;
  /** False while the clock of this machine is too far off. This owner then does not expire entries. */
  readonly agrees: boolean;
}

/** A process that has a shared log open, according to its last heartbeat. */
export interface LogOwner {
  /** Created when the process opened the log. */
  readonly id: string;
  /** Whether it is this process. */
  readonly self: boolean;
  readonly applied: number;
  /** The hash of the state at `applied`; undefined during the replay, and for releases before 0.2. */
  readonly hash: string | undefined;
  /** The time of the heartbeat by the clock of the log, in milliseconds since 1970 UTC. */
  readonly seenTime: number;
  /** HOST:PORT where it takes operations of the others; undefined when it takes none, and for releases before 0.2. */
  readonly address: string | undefined;
}

/** What a log occupies and has written, as far as it knows. */
export interface LogUsage {
  /** In use, without what is allocated ahead. */
  readonly bytes?: number;
  /** Free on its disk, when that was last looked at. */
  readonly diskFreeBytes?: number;
  /** Appended since it was opened. */
  readonly appendedBytes?: number;
  /** How often an append that was sent was not confirmed, whatever became of it. */
  readonly unconfirmedAppends?: number;
  /** How often a copy of the log was found to be damaged, and another one was read. */
  readonly damagedReads?: number;
  /** Connections to its database. */
  readonly connections?: { readonly busy: number; readonly idle: number };
}

export interface TransactionLogger {
  /** The id of the log, at least 16 hexadecimal digits. Another id means another history. */
  readonly id: string;

  /** See the glossary above. `compact` increases it. */
  readonly horizon: number;

  /**
   * Whether other processes append to the log as well. Then `follow` yields their transactions, and a read needs
   * `latestSequence`.
   */
  readonly shared: boolean;

  /**
   * The clock for the times of transactions, if several owners share the log. Otherwise they use the owner's clock.
   */
  readonly clock?: LogClock;

  /** Why the log accepts no writes; undefined when it does. The log recovers by itself if that is possible. */
  readonly fault: Error | undefined;

  /**
   * True while the disk has room for deletes only. `fault` then describes it, and `append` rejects other transactions
   * with LOG_UNAVAILABLE.
   */
  readonly deletesOnly?: boolean;

  /** True when the disk has little room left: `compact` should be called even if it is not due. */
  readonly compactionWanted?: boolean;

  readonly usage?: LogUsage;

  /**
   * Yields every durable transaction after `after`, oldest first, in batches. Transactions after the horizon are
   * complete and without gaps. Transactions at or before it have at least the puts and requests that the last
   * compaction had to keep; a transaction without any is omitted. Some dropped events may still appear: a touch or
   * delete of a missing key has no effect. `after` is 0 or at least the horizon. Throws LOG_CORRUPT, LOG_VERSION or
   * DATABASE_WENT_BACK_IN_TIME; it never skips a transaction.
   */
  readTransactions(after: number): AsyncIterable<readonly Transaction[]>;

  /**
   * Appends `transactions`, which are numbered from `basis + 1` without gaps, directly after `basis`. Resolves when all
   * are durable, or with a conflict when the log does not end at `basis`. Must not be called while an earlier call is
   * pending. Rejects with
   * - LOG_UNAVAILABLE when nothing was written, and no part of the batch will ever be read;
   * - DATABASE_WENT_BACK_IN_TIME when, in addition, later appends will fail, too: the log has lost transactions that
   *   this owner has read;
   * - OUTCOME_UNKNOWN when the batch may or may not be in the log, as a whole.
   */
  append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome>;

  /**
   * Yields the transactions of other writers after `after`, as they become durable, oldest first, each once. Ends
   * only when `signal` is aborted. Throws LOG_CORRUPT when it cannot continue without a gap: the owner must replay
   * the log; LOG_VERSION when a later release has appended; and DATABASE_WENT_BACK_IN_TIME. A logger with one writer
   * yields nothing.
   */
  follow(after: number, signal: AbortSignal): AsyncIterable<readonly Transaction[]>;

  /** The newest durable sequence at some moment after the call: the read barrier. */
  latestSequence(): Promise<number>;

  /**
   * Reports that the owner has applied everything up to `sequence`. A compaction by any owner keeps what slower
   * owners need. `hash` returns the hash of the owner's current state whenever it is called.
   */
  applied(sequence: number, hash?: () => string): void;

  /**
   * Shows the other owners what `address` returns at each heartbeat from the next one on. undefined: none.
   */
  advertise?(address: () => string | undefined): void;

  /** The processes that have the log open and are alive, including this one. Only if several can open it. */
  readonly owners?: readonly LogOwner[];

  /** Set by the owner; called when `owners` has changed. */
  onOwners?: () => void;

  /**
   * Moves the horizon forward to `retention.horizon` and drops events and requests at or before it that are not needed:
   * all events except live puts, which get the expire time of the live entry, and old requests. A plain put whose event is
   * dropped or changed gets its record.
   * Transactions after the horizon stay unchanged. Appends continue meanwhile. A call while another one is running
   * joins it. When it rejects, the log is as good as before.
   */
  compact(retention: Retention): Promise<void>;

  /**
   * Waits for a running append, stops a compaction, and releases everything. Later appends reject with
   * LOG_UNAVAILABLE.
   */
  close(): Promise<void>;
}
