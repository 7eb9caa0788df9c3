import type { Registry } from "prom-client";
import { metric } from "./samples.ts";

/** What is known of the certificates in use. */
export interface TlsStatus {
  /** Times in milliseconds since 1970 UTC. */
  readonly expiries: readonly { readonly use: string; readonly time: number }[];
  readonly reloads: { readonly loaded: number; readonly refused: number };
}

/** Shows when certificates end, and how reloading them went. */
export function registerTlsMetrics(registry: Registry, tls: TlsStatus): void {
  registry.registerMetric(
    metric(
      "duetkv_certificate_expiry_timestamp_seconds",
      "gauge",
      "When the certificate of the server ends, and the first of those that sign client certificates.",
      () => tls.expiries.map(({ use, time }) => ({ labels: { use }, value: time / 1000 })),
    ),
  );
  registry.registerMetric(
    metric("duetkv_tls_reloads_total", "counter", "Changes of the TLS files, by outcome.", () => [
      { labels: { outcome: "loaded" }, value: tls.reloads.loaded },
      { labels: { outcome: "refused" }, value: tls.reloads.refused },
    ]),
  );
}
