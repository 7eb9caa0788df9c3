import { Gauge, type Registry } from "prom-client";
import type { DatabaseStatus } from "../database.ts";
import { metric } from "./call-metrics.ts";

/** Shows what the engine says of itself. */
export function registerDatabaseMetrics(registry: Registry, status: () => DatabaseStatus): void {
  const registers = [registry];
  function gauge(name: string, help: string, read: () => number): void {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
  }
  gauge("duetkv_revision", "The store's revision.", () => status().revision);
  gauge("duetkv_entries", "Entries in the store.", () => status().entries);
  gauge("duetkv_store_bytes", "What the entries count against store-bytes-max.", () => status().storeBytes);
  gauge("duetkv_watchers", "Open watches.", () => status().watchers);
  gauge(
    "duetkv_queue_bytes",
    "Memory of the operations that wait for the log, counted against queue-bytes-max: keys, values and their objects.",
    () => status().queueBytes,
  );
  gauge("duetkv_request_ids", "Requests with an id that are remembered.", () => status().requestIds);
  gauge(
    "duetkv_request_ids_bytes",
    "What they count against request-ids-bytes-max.",
    () => status().requestIdsBytes,
  );
  gauge(
    "duetkv_history_bytes",
    "What the latest changes occupy beside the store, counted against watch-history-bytes-max.",
    () => status().historyBytes,
  );
  gauge("duetkv_log_writable", "1 when the transaction log takes writes.", () =>
    Number(status().fault === undefined),
  );
  gauge(
    "duetkv_replicas_differing",
    "Replicas that hold other entries than this one at the same revision.",
    () => status().differingReplicas,
  );
  gauge("duetkv_snapshots", "Snapshots that are being read.", () => status().snapshots.running);
  gauge(
    "duetkv_snapshot_last_success_timestamp_seconds",
    "When a snapshot was last read to its end; 0: not since the start.",
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
