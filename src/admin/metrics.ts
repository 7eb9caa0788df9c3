import type { DescMethod } from "@bufbuild/protobuf";
import { collectDefaultMetrics, Registry } from "prom-client";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { DatabaseStatus } from "../database.ts";
import type { SecurityMetrics } from "../security/security.ts";
import { CallMetrics, type CountCall, metric } from "./call-metrics.ts";
import type { Rates } from "./call-rates.ts";
import { registerDatabaseMetrics } from "./database-metrics.ts";
import { FailureMetrics } from "./failure-metrics.ts";
import type { Readiness } from "./readiness.ts";
import { registerSecurityMetrics } from "./security-metrics.ts";
import { registerTlsMetrics, type TlsStatus } from "./tls-metrics.ts";

export interface Metrics {
  /** Creates the counter of a method. Call it once for each method. */
  countCalls(method: DescMethod): CountCall;
  /** Counts a failed call by its reason. `method` is undefined when the request names no method of the contract. */
  countError(method: DescMethod | undefined, reason: string): void;
  /** Counts a connection that the server ended. */
  countConnectionEnded(reason: string): void;
  /** The rates of the unary calls of the last 10 seconds. */
  rates(): Rates;
  /** Shows the state of the database, too, from now on. To be called once. */
  showDatabase(status: () => DatabaseStatus): void;
  /** Shows the certificates of the server, too. To be called once. */
  showTls(tls: TlsStatus): void;
  /** Shows who calls and what is denied, too. To be called once. */
  showSecurity(security: SecurityMetrics): void;
  /** The Prometheus text format, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
  close(): void;
}

/** The metrics of the service. Names follow the Prometheus conventions; times are in seconds. */
export function createMetrics(readiness: Pick<Readiness, "readsFault" | "writesFault">): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const ready =
    'Whether calls are served: 1 or 0. "writes" is what /readyz says, "reads" what /readyz/reads says.';
  registry.registerMetric(
    metric("duetkv_ready", "gauge", ready, () => [
      { labels: { for: "reads" }, value: Number(readiness.readsFault() === undefined) },
      { labels: { for: "writes" }, value: Number(readiness.writesFault() === undefined) },
    ]),
  );
  const calls = new CallMetrics();
  calls.register(registry);
  const failures = new FailureMetrics();
  failures.register(registry);

  return {
    countCalls: (method) => calls.ofMethod(labelOf(method), method.methodKind === "unary"),
    countError: (method, reason) => failures.countError(method ? labelOf(method) : "", reason),
    countConnectionEnded: (reason) => failures.countConnectionEnded(reason),
    rates: () => calls.rates.read(),
    showDatabase: (status) => registerDatabaseMetrics(registry, status),
    showTls: (tls) => registerTlsMetrics(registry, tls),
    showSecurity: (security) => registerSecurityMetrics(registry, security),
    render: () => registry.metrics(),
    contentType: registry.contentType,
    close: () => calls.rates.close(),
  };
}

/** The method's label: the name alone for the key-value service, otherwise with the service. */
function labelOf({ parent, localName }: DescMethod): string {
  return parent.typeName === KeyValueService.typeName ? localName : `${parent.typeName}/${localName}`;
}
