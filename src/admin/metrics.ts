import type { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { CallObserver } from "../service/intercept.ts";
import type { ReadonlyStore } from "../store/store.ts";

export interface MetricsSources {
  readonly store: ReadonlyStore;
  readonly watchers: () => number;
  readonly queueBytes: () => number;
  readonly logWritable: () => boolean;
}

export interface Metrics {
  readonly observeCall: CallObserver;
  /** The Prometheus text format, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** What operators watch. Names follow the Prometheus conventions; times are in seconds. */
export function createMetrics({ store, watchers, queueBytes, logWritable }: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new Counter({
    name: "duetkv_calls_total",
    help: "Calls that have ended, by method and code.",
    labelNames: ["method", "code"] as const,
    registers,
  });
  const durations = new Histogram({
    name: "duetkv_call_duration_seconds",
    help: "Time from the handler's start to its end, by method.",
    labelNames: ["method"] as const,
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  function gauge(name: string, help: string, read: () => number): void {
    const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) });
  }
  gauge("duetkv_revision", "The store's revision.", () => store.revision);
  gauge("duetkv_entries", "Entries in the store.", () => store.size);
  gauge("duetkv_store_bytes", "What the entries count against store-bytes-max.", () => store.bytes);
  gauge("duetkv_watchers", "Open watches.", watchers);
  gauge("duetkv_queue_bytes", "Keys and values that wait for the log.", queueBytes);
  gauge("duetkv_log_writable", "1 when the transaction log takes writes.", () => Number(logWritable()));

  // Looking up labels costs several times as much as counting.
  const counters = new Map<string, Map<Code | undefined, { inc(): void }>>();
  const timers = new Map<string, { observe(seconds: number): void }>();

  function addMethod(method: string) {
    const byCode = new Map<Code | undefined, { inc(): void }>();
    counters.set(method, byCode);
    timers.set(method, durations.labels({ method }));
    return byCode;
  }

  function addCode(byCode: Map<Code | undefined, { inc(): void }>, method: string, code: Code | undefined) {
    const counter = calls.labels({ method, code: code === undefined ? "ok" : codeToString(code) });
    byCode.set(code, counter);
    return counter;
  }

  return {
    observeCall({ method, milliseconds, code }) {
      const byCode = counters.get(method) ?? addMethod(method);
      (byCode.get(code) ?? addCode(byCode, method, code)).inc();
      timers.get(method)?.observe(milliseconds / 1000);
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
