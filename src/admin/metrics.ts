import type { DescMethod } from "@bufbuild/protobuf";
import { collectDefaultMetrics, Registry } from "prom-client";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { SecurityMetrics } from "../security/security.ts";
import { CallMetrics, type MethodCounter } from "./call-metrics.ts";
import type { Rates } from "./call-rates.ts";
import { type MeasuredDatabase, registerDatabaseMetrics } from "./database-metrics.ts";
import { FailureMetrics } from "./failure-metrics.ts";
import { type ForwardedOperations, registerForwardingMetrics } from "./forwarding-metrics.ts";
import type { Readiness } from "./readiness.ts";
import { register } from "./samples.ts";
import { registerSecurityMetrics } from "./security-metrics.ts";
import { registerTlsMetrics, type TlsStatus } from "./tls-metrics.ts";
import { registerTrafficMetrics, type Traffic } from "./traffic-metrics.ts";

export interface Metrics {
  /** Makes the counter of a method. To be called once for each. */
  countCalls(method: DescMethod): MethodCounter;
  /** Counts a call that failed, by its reason. `method` is undefined when the request names none. */
  countError(method: DescMethod | undefined, reason: string): void;
  /** Counts a connection that the server ended. */
  countConnectionEnded(reason: string): void;
  /** The rates of the unary calls of the last 10 seconds. */
  rates(): Rates;
  /** These show more from now on. Each is to be called once at the most. */
  showDatabase(database: MeasuredDatabase, storeBytesMax: number): void;
  showTls(tls: TlsStatus): void;
  /** Shows who calls and what is denied, too. To be called once. */
  showSecurity(security: SecurityMetrics): void;
  showSpans(counts: Readonly<Record<"exported" | "dropped", number>>): void;
  showTraffic(traffic: () => Traffic): void;
  showForwarding(counts: ForwardedOperations): void;
  /** The Prometheus text format, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
  close(): void;
}

export interface MetricsOptions {
  readonly readiness: Pick<Readiness, "readsFault" | "writesFault">;
  readonly version: string;
  /** The kind of the transaction log. */
  readonly log: string;
}

/** What operators watch. Names follow the Prometheus conventions; times are in seconds. */
export function createMetrics({ readiness, version, log }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const ready =
    'Whether calls are served: 1 or 0. "writes" is what /readyz says, "reads" what /readyz/reads says.';
  register(registry, "duetkv_ready", "gauge", ready, () => [
    { labels: { for: "reads" }, value: Number(readiness.readsFault() === undefined) },
    { labels: { for: "writes" }, value: Number(readiness.writesFault() === undefined) },
  ]);
  register(registry, "duetkv_build_info", "gauge", "1; the labels say what is running.", () => [
    { labels: { version, node: process.versions.node, log }, value: 1 },
  ]);
  const calls = new CallMetrics();
  calls.register(registry);
  const failures = new FailureMetrics();
  failures.register(registry);

  return {
    countCalls: (method) => calls.ofMethod(labelOf(method), method.methodKind === "unary"),
    countError: (method, reason) => failures.countError(method ? labelOf(method) : "", reason),
    countConnectionEnded: (reason) => failures.countConnectionEnded(reason),
    rates: () => calls.rates.read(),
    showDatabase: (database, storeBytesMax) => registerDatabaseMetrics(registry, database, storeBytesMax),
    showTls: (tls) => registerTlsMetrics(registry, tls),
    showSecurity: (security) => registerSecurityMetrics(registry, security),
    showSpans: (counts) =>
      register(registry, "duetkv_spans_total", "counter", "Spans of traces, by outcome.", () =>
        Object.entries(counts).map(([outcome, value]) => ({ labels: { outcome }, value })),
      ),
    showForwarding: (counts) => registerForwardingMetrics(registry, counts),
    showTraffic: (traffic) => registerTrafficMetrics(registry, traffic),
    render: () => registry.metrics(),
    contentType: registry.contentType,
    close: () => calls.rates.close(),
  };
}

/** The method's label: the name alone for the key-value service, otherwise with the service. */
function labelOf({ parent, localName }: DescMethod): string {
  return parent.typeName === KeyValueService.typeName ? localName : `${parent.typeName}/${localName}`;
}
