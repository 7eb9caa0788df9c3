import type { Registry } from "prom-client";
import type { DatabaseMeasurements, DatabaseStatus } from "../database.ts";
import { register, registerHistogram, registerValue, type Sample } from "./samples.ts";

/** What is read of the engine when metrics are asked for. */
export interface MeasuredDatabase {
  status(): DatabaseStatus;
  measurements(): DatabaseMeasurements;
}

/** Shows what the engine says of itself. */
export function registerDatabaseMetrics(
  registry: Registry,
  database: MeasuredDatabase,
  storeBytesMax: number,
): void {
  const status = () => database.status();
  const measured = () => database.measurements();
  const gauge = (name: string, help: string, value: () => number | undefined) =>
    registerValue(registry, `duetkv_${name}`, "gauge", help, value);
  const counter = (name: string, help: string, value: () => number | undefined) =>
    registerValue(registry, `duetkv_${name}`, "counter", help, value);
  const counters = (name: string, help: string, values: () => readonly Sample[]) =>
    register(registry, `duetkv_${name}`, "counter", help, values);

  gauge("revision", "The store's revision.", () => status().revision);
  gauge("entries", "Entries in the store.", () => status().entries);
  gauge("store_bytes", "What the entries count against store-bytes-max.", () => status().storeBytes);
  gauge("store_bytes_max", "The limit of duetkv_store_bytes.", () => storeBytesMax);
  counter(
    "expired_total",
    "Entries deleted because their time to live had passed.",
    () => measured().expiry.expired,
  );
  const lag = "How long the entry is overdue that should have been deleted first.";
  gauge("expiry_lag_seconds", lag, () => measured().expiry.lagMs / 1000);

  const waiting =
    "What operations that wait for the log count against queue-bytes-max: keys, values and their objects.";
  gauge("queue_bytes", waiting, () => status().queueBytes);
  gauge("request_ids", "Requests with an id that are remembered.", () => status().requestIds);
  gauge(
    "request_ids_bytes",
    "What they count against request-ids-bytes-max.",
    () => status().requestIdsBytes,
  );
  const { queueWaitSeconds, appendSeconds, batchTransactions, barrierSeconds, compactionSeconds } =
    measured();
  const histogram = (name: string, help: string, values: typeof appendSeconds) =>
    registerHistogram(registry, `duetkv_${name}`, help, values);
  histogram("queue_wait_seconds", "Time of each write until its batch began.", queueWaitSeconds);

  gauge("log_writable", "1 when the transaction log takes writes.", () =>
    Number(status().fault === undefined),
  );
  histogram("log_append_duration_seconds", "Time of each append until it was durable.", appendSeconds);
  histogram("log_batch_transactions", "Transactions of each append.", batchTransactions);
  counter("log_appended_bytes_total", "Bytes appended to the log.", () => measured().log.appendedBytes);
  counters("log_faults_total", "Appends that failed, by reason.", () => byReason(measured().appendFailures));
  const unconfirmed = "Appends that the log did not confirm, whatever became of them.";
  counter("log_unconfirmed_appends_total", unconfirmed, () => measured().log.unconfirmedAppends);
  const damaged = "Reads of a damaged copy of the log, which another copy replaced.";
  counter("log_damaged_reads_total", damaged, () => measured().log.damagedReads);
  gauge("log_bytes", "What the log occupies, without what is allocated ahead.", () => measured().log.bytes);
  gauge("log_disk_free_bytes", "Free space on the disk of the log.", () => measured().log.diskFreeBytes);
  counters("compactions_total", "Compactions of the log, by outcome.", () =>
    Object.entries(measured().compactions).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  histogram("compaction_duration_seconds", "Time of each compaction.", compactionSeconds);
  register(registry, "duetkv_postgres_connections", "gauge", "Connections to the database, by state.", () =>
    Object.entries(measured().log.connections ?? {}).map(([state, value]) => ({ labels: { state }, value })),
  );

  gauge("watchers", "Open watches.", () => status().watchers);
  const sent = "Changes and existing entries that watchers were given.";
  counter("watch_sent_events_total", sent, () => measured().watches.sentEvents);
  const queued =
    "What waits and is kept for watchers, and their keys and prefixes, counted against watch-queues-bytes-max.";
  gauge("watch_queue_bytes", queued, () => measured().watches.queueBytes);
  const behind = "How many revisions the slowest watcher is behind the store.";
  gauge("watch_lag_revisions", behind, () => measured().watches.lagRevisions);
  counters("watch_ended_total", "Watches that have ended, by reason.", () =>
    byReason(measured().watches.ended),
  );
  const oldest = "Changes after this revision can be watched.";
  gauge("history_oldest_revision", oldest, () => status().oldestRevision);
  const kept = "What the latest changes occupy beside the store, counted against watch-history-bytes-max.";
  gauge("history_bytes", kept, () => status().historyBytes);
  const age = "Age of the oldest change that is kept.";
  gauge("history_age_seconds", age, () => measured().historyAgeMs / 1000);

  const differing = "Replicas that hold other entries than this one at the same revision.";
  gauge("replicas_differing", differing, () => status().differingReplicas);
  const revisions = "How many revisions this replica is behind the one that has come furthest.";
  gauge("replica_lag_revisions", revisions, () => measured().replicaLag?.revisions);
  const seconds = "Age of the newest change that this replica has, while it is behind; else 0.";
  gauge("replica_lag_seconds", seconds, () => scaled(measured().replicaLag?.milliseconds));
  histogram(
    "barrier_duration_seconds",
    "Time in which a read learned that the store is current.",
    barrierSeconds,
  );

  gauge("snapshots", "Snapshots that are being read.", () => status().snapshots.running);
  const success = "When a snapshot was last read to its end; 0: not since the start.";
  gauge("snapshot_last_success_timestamp_seconds", success, () => status().snapshots.completedTime / 1000);
  counters("snapshots_total", "Snapshots that have ended, by outcome.", () => {
    const { completed, tooSlow } = status().snapshots;
    return [
      { labels: { outcome: "completed" }, value: completed },
      { labels: { outcome: "too_slow" }, value: tooSlow },
    ];
  });
  counter("snapshot_sent_bytes_total", "Bytes of snapshots that were read.", () => status().snapshots.bytes);
}

function byReason(counts: ReadonlyMap<string, number>): readonly Sample[] {
  return [...counts].map(([reason, value]) => ({ labels: { reason: reason.replaceAll("-", "_") }, value }));
}

function scaled(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}
