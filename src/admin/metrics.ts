import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { DatabaseStatus } from "../database.ts";
import { CallMetrics, type CountCall } from "./call-metrics.ts";
import { FailureMetrics } from "./failure-metrics.ts";

export interface Metrics {
  /** Once for each method. */
  countCalls(method: string): CountCall;
  readonly failures: Pick<FailureMetrics, "countError" | "countConnectionEnded">;
  /** The Prometheus text format, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
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
    const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) });
  }
  gauge("duetkv_revision", "The store's revision.", () => status().revision);
  gauge("duetkv_entries", "Entries in the store.", () => status().entries);
  gauge("duetkv_store_bytes", "What the entries count against store-bytes-max.", () => status().storeBytes);
  gauge("duetkv_watchers", "Open watches.", () => status().watchers);
  gauge("duetkv_queue_bytes", "Keys and values that wait for the log.", () => status().queueBytes);
  gauge("duetkv_log_writable", "1 when the transaction log takes writes.", () =>
    Number(status().fault === undefined),
  );

  return {
    countCalls: (method) => calls.ofMethod(method),
    failures,
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
