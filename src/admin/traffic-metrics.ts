import type { Registry } from "prom-client";
import { register, registerValue } from "./samples.ts";

/** What a port has carried, TLS included. */
export interface Traffic {
  /** Open connections whose protocol is known, by protocol. */
  readonly connections: Readonly<Record<string, number>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Shows the connections of the service's port. */
export function registerTrafficMetrics(registry: Registry, traffic: () => Traffic): void {
  register(registry, "duetkv_connections", "gauge", "Open connections, by protocol.", () =>
    Object.entries(traffic().connections).map(([protocol, value]) => ({ labels: { protocol }, value })),
  );
  const received = "Bytes received on the port of the service.";
  registerValue(registry, "duetkv_received_bytes_total", "counter", received, () => traffic().receivedBytes);
  const sent = "Bytes sent on the port of the service.";
  registerValue(registry, "duetkv_sent_bytes_total", "counter", sent, () => traffic().sentBytes);
}
