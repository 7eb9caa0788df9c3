/** All limits of the service. Sizes are in bytes of UTF-8, times in milliseconds. Each can be configured. */
export interface Limits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** One request message, in every protocol. */
  readonly requestBytesMax: number;
  readonly pageEntriesMax: number;
  readonly pageBytesMax: number;
  readonly batchGetKeysMax: number;
  /** Keys and values in one BatchGet response, which has no pages. */
  readonly batchGetBytesMax: number;
  /** Checks and mutations of one Commit. */
  readonly commitOperationsMax: number;
  /**
   * One Commit in the message to its watchers. gRPC clients accept messages of 4 MiB, and a transaction is never
   * split.
   */
  readonly commitBytesMax: number;
  /** Memory of all entries, as `entryBytes` counts it. Puts beyond it fail with STORE_FULL. */
  readonly storeBytesMax: number;
  /**
   * Memory of the remembered request ids. Beyond it a write with a request id fails with RATE_LIMITED until older ids
   * are forgotten.
   */
  readonly requestIdsBytesMax: number;
  /** Memory of the writes that wait for the log. Beyond it a write fails with OVERLOADED. */
  readonly queueBytesMax: number;
  /** The changes that the history keeps, for reads in the past and for watches that start there. */
  readonly watchHistoryEventsMax: number;
  readonly watchHistoryBytesMax: number;
  /** Memory of the changes that wait for one watcher. Beyond it the watch ends with WATCHER_TOO_SLOW. */
  readonly watchQueueBytesMax: number;
  /**
   * Memory of the changes that wait for all watchers, of the overwritten entries that are kept for those among
   * existing entries, and of their selectors. Beyond it the watches with the longest queues end. Selectors may take
   * half of it.
   */
  readonly watchQueuesBytesMax: number;
  /** Memory of the overwritten entries that are kept for one reader of a snapshot. */
  readonly snapshotBytesMax: number;
  /** A compaction starts when it can remove this much from the log, and at least as much as the store holds. */
  readonly compactionBytesMin: number;
  /** Longest wait for `min_revision` when the caller sets no deadline. */
  readonly revisionWaitMs: number;
}

/** Operations that a replica may forward to another one in a request. */
export const forwardedOperationsMax = 1000;

const KiB = 1024;
const MiB = 1024 * KiB;

const GiB = 1024 * MiB;

/** The defaults with plenty of memory; `fitToMemory` lowers those that bound memory. */
export const defaultLimits: Limits = {
  keyBytesMax: KiB,
  valueBytesMax: MiB,
  requestBytesMax: 4 * MiB,
  pageEntriesMax: 1000,
  pageBytesMax: 3 * MiB,
  batchGetKeysMax: 1000,
  batchGetBytesMax: 4 * MiB,
  commitOperationsMax: 1000,
  commitBytesMax: 4 * MiB - 64 * KiB,
  storeBytesMax: 64 * GiB,
  requestIdsBytesMax: 128 * MiB,
  queueBytesMax: 64 * MiB,
  watchHistoryEventsMax: 100_000,
  watchHistoryBytesMax: 64 * MiB,
  watchQueueBytesMax: 16 * MiB,
  watchQueuesBytesMax: 128 * MiB,
  snapshotBytesMax: 64 * MiB,
  compactionBytesMin: 64 * MiB,
  revisionWaitMs: 10_000,
};
