import type { DescMethod } from "@bufbuild/protobuf";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { DatabaseStatus } from "../database.ts";
import { CallMetrics, type CountCall, metric } from "./call-metrics.ts";
import type { Rates } from "./call-rates.ts";
import { FailureMetrics } from "./failure-metrics.ts";

export interface Metrics {
  /** Makes the counter of a method. To be called once for each. */
  countCalls(method: DescMethod): CountCall;
  /** Counts a call that failed, by its reason. `method` is undefined when the request names none. */
  countError(method: DescMethod | undefined, reason: string): void;
  /** Counts a connection that the server ended. */
  countConnectionEnded(reason: string): void;
  /** Of the unary calls of the last 10 seconds. */
  rates(): Rates;
  /** The Prometheus text format, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
  close(): void;
}

/** What operators watch. Names follow the Prometheus conventions; times are in seconds. */
export function createMetrics(status: () => DatabaseStatus): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new CallMetrics();
  calls.register(registry);
  const failures = new FailureMetrics();
  failures.register(registry);
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

  return {
    countCalls: (method) => calls.ofMethod(labelOf(method), method.methodKind === "unary"),
    countError: (method, reason) => failures.countError(method ? labelOf(method) : "", reason),
    countConnectionEnded: (reason) => failures.countConnectionEnded(reason),
    rates: () => calls.rates.read(),
    render: () => registry.metrics(),
    contentType: registry.contentType,
    close: () => calls.rates.close(),
  };
}

/** How metrics name a method: those of the key-value service by their name alone. */
function labelOf({ parent, localName }: DescMethod): string {
  return parent.typeName === KeyValueService.typeName ? localName : `${parent.typeName}/${localName}`;
}
