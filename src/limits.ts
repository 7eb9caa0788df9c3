/** Every bound of the service in one place. Sizes are bytes of UTF-8, times are milliseconds. All are configurable. */
export interface Limits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** One request message, in every protocol. */
  readonly requestBytesMax: number;
  readonly pageEntriesMax: number;
  readonly pageBytesMax: number;
  readonly batchGetKeysMax: number;
  /** Keys and values in one BatchGet answer; it cannot be cut into pages. */
  readonly batchGetBytesMax: number;
  /** Checks and mutations of one Commit. */
  readonly commitOperationsMax: number;
  /** One Commit as its watchers receive it: gRPC clients take messages of 4 MiB, and a transaction is never split. */
  readonly commitBytesMax: number;
  /** What entries occupy in memory (`entryBytes`). Puts beyond it fail with STORE_FULL. */
  readonly storeBytesMax: number;
  /** Remembered requests with an id. More of them are refused with RATE_LIMITED until older ones are forgotten. */
  readonly requestIdsBytesMax: number;
  /** Writes that wait for the log. More of them are refused with OVERLOADED. */
  readonly queueBytesMax: number;
  /** Changes that are kept for reads in the past, and for watches which start there. */
  readonly watchHistoryEventsMax: number;
  readonly watchHistoryBytesMax: number;
  /** What one watcher may have waiting before it is cut off. */
  readonly watchQueueBytesMax: number;
  /**
   * What all watchers together may have waiting, and select, before the one with the most is cut off. Their keys and
   * prefixes may be half of it.
   */
  readonly watchQueuesBytesMax: number;
  /** Entries that are kept for the reader of one snapshot although they were overwritten since it began. */
  readonly snapshotBytesMax: number;
  /** Compaction waits until it drops this much from the log, and as much as the store holds. */
  readonly compactionBytesMin: number;
  /** Longest wait for `min_revision` when the caller sets no deadline. */
  readonly revisionWaitMs: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

const GiB = 1024 * MiB;

/** What a service with plenty of memory has; `fitToMemory` lowers the bounds of what is kept in memory. */
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
