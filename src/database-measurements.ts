import type { Engine } from "./engine.ts";
import type { Histogram } from "./histogram.ts";
import type { ReplicaLag } from "./replicas.ts";
import type { LogUsage } from "./transaction-log/transaction-logger.ts";

/** What the engine has measured since the start. Histograms, maps and parts are the live ones; counts only grow. */
export interface DatabaseMeasurements {
  /** Of each append to the log. */
  readonly appendSeconds: Histogram;
  /** Transactions of each append. */
  readonly batchTransactions: Histogram;
  /** Of each operation, until its batch began. */
  readonly queueWaitSeconds: Histogram;
  /** Of each question to a shared log for its newest transaction, and of applying it. */
  readonly barrierSeconds: Histogram;
  readonly compactionSeconds: Histogram;
  readonly compactions: { readonly succeeded: number; readonly failed: number };
  /** Appends that failed, by reason. */
  readonly appendFailures: ReadonlyMap<string, number>;
  readonly expiry: ExpiryMeasurements;
  readonly watches: WatchMeasurements;
  /** Age of the oldest transaction in the history, in milliseconds. */
  readonly historyAgeMs: number;
  /** How far this replica is behind the others; undefined where there are none. */
  readonly replicaLag: ReplicaLag | undefined;
  readonly log: LogUsage;
}

interface ExpiryMeasurements {
  /** Entries that were deleted because their time to live had passed. */
  readonly expired: number;
  /** How long the entry that should have been deleted first is overdue, in milliseconds. */
  readonly lagMs: number;
}

interface WatchMeasurements {
  /** Changes and existing entries that watchers were given. */
  readonly sentEvents: number;
  /** Bytes that wait, and those of keys and prefixes, counted against `watchQueuesBytesMax`. */
  readonly queueBytes: number;
  /** How far the slowest watcher is behind the store. */
  readonly lagRevisions: number;
  /** Watches that have ended, by reason. */
  readonly ended: ReadonlyMap<string, number>;
}

/** What the parts of an engine have measured. */
export function measurementsOf(engine: Engine): DatabaseMeasurements {
  const { state, logger, committer, compactor, expirer, replicas, clock } = engine;
  const { history, hub, freshness } = state;
  const oldestTime = history.at(history.oldest + 1)?.time;
  return {
    appendSeconds: committer.appendSeconds,
    batchTransactions: committer.batchTransactions,
    queueWaitSeconds: committer.queueWaitSeconds,
    appendFailures: committer.appendFailures,
    barrierSeconds: freshness.barrierSeconds,
    compactionSeconds: compactor.seconds,
    compactions: compactor.counts,
    expiry: expirer,
    watches: hub,
    historyAgeMs: oldestTime === undefined ? 0 : Math.max(0, clock() - oldestTime),
    replicaLag: replicas.lag(),
    log: logger.usage ?? {},
  };
}
