import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ReadonlyStore } from "../store/store.ts";
import { CallMetrics, type CountCall } from "./call-metrics.ts";
import { FailureMetrics } from "./failure-metrics.ts";

export interface MetricsSources {
  readonly store: ReadonlyStore;
  readonly watchers: () => number;
  readonly queueBytes: () => number;
  readonly logWritable: () => boolean;
}

export interface Metrics {
  /** Once for each method. */
  countCalls(method: string): CountCall;
  readonly failures: Pick<FailureMetrics, "countError" | "countConnectionEnded">;
  /** The Prometheus text format, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** What operators watch. Names follow the Prometheus conventions; times are in seconds. */
export function createMetrics({ store, watchers, queueBytes, logWritable }: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new CallMetrics();
  calls.register(registry);
  const failures = new FailureMetrics();
  failures.register(registry);
  function gauge(name: string, help: string, read: () => number): void {
    const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) });
  }
  gauge("duetkv_revision", "The store's revision.", () => store.revision);
  gauge("duetkv_entries", "Entries in the store.", () => store.size);
  gauge("duetkv_store_bytes", "What the entries count against store-bytes-max.", () => store.bytes);
  gauge("duetkv_watchers", "Open watches.", watchers);
  gauge("duetkv_queue_bytes", "Keys and values that wait for the log.", queueBytes);
  gauge("duetkv_log_writable", "1 when the transaction log takes writes.", () => Number(logWritable()));

  return {
    countCalls: (method) => calls.ofMethod(method),
    failures,
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
