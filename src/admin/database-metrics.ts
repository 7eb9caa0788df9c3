import { Gauge, type Registry } from "prom-client";
import type { DatabaseStatus } from "../database.ts";
import { metric } from "./call-metrics.ts";

/** Registers the metrics of the engine. */
export function registerDatabaseMetrics(registry: Registry, status: () => DatabaseStatus): void {
  const registers = [registry];
  function gauge(name: string, help: string, read: () => number): void {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
  }
  gauge("duetkv_revision", "The store's revision.", () => status().revision);
  gauge("duetkv_entries", "Entries in the store.", () => status().entries);
  gauge(
    "duetkv_store_bytes",
    "Bytes that the entries count towards store-bytes-max.",
    () => status().storeBytes,
  );
  gauge("duetkv_watchers", "Open watches.", () => status().watchers);
  gauge(
    "duetkv_queue_bytes",
    "Memory of the writes that wait for the log, which queue-bytes-max limits: keys, values and their objects.",
    () => status().queueBytes,
  );
  gauge("duetkv_request_ids", "Remembered request ids.", () => status().requestIds);
  gauge(
    "duetkv_request_ids_bytes",
    "Bytes that the remembered request ids count towards request-ids-bytes-max.",
    () => status().requestIdsBytes,
  );
  gauge(
    "duetkv_history_bytes",
    "What the latest changes occupy beside the store, counted against watch-history-bytes-max.",
    () => status().historyBytes,
  );
  gauge("duetkv_log_writable", "1 when the transaction log accepts writes, else 0.", () =>
    Number(status().fault === undefined),
  );
  gauge(
    "duetkv_replicas_differing",
    "Replicas whose entries differ from this replica's at the same revision.",
    () => status().differingReplicas,
  );
  gauge("duetkv_snapshots", "Snapshots that are being read.", () => status().snapshots.running);
  gauge(
    "duetkv_snapshot_last_success_timestamp_seconds",
    "Time of the last snapshot that was read to its end; 0 when there was none since the start.",
    () => status().snapshots.completedTime / 1000,
  );
  registry.registerMetric(
    metric("duetkv_snapshots_total", "counter", "Snapshots that have ended, by outcome.", () => {
      const { completed, tooSlow } = status().snapshots;
      return [
        { labels: { outcome: "completed" }, value: completed },
        { labels: { outcome: "too_slow" }, value: tooSlow },
      ];
    }),
  );
  registry.registerMetric(
    metric("duetkv_snapshot_sent_bytes_total", "counter", "Bytes of snapshots that were read.", () => [
      { labels: {}, value: status().snapshots.bytes },
    ]),
  );
}
