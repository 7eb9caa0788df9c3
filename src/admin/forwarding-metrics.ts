import type { Registry } from "prom-client";
import { register, registerValue } from "./samples.ts";

/** Operations that another replica should append. */
export interface ForwardedOperations {
  readonly forwarded: number;
  readonly refused: number;
  readonly unknown: number;
  readonly overloaded: number;
  readonly received: number;
  readonly denied: number;
  readonly queueBytes: number;
  readonly isConnected: boolean;
}

/** Shows what became of forwarded operations. */
export function registerForwardingMetrics(registry: Registry, counts: ForwardedOperations): void {
  const sent =
    'Writes for the replica that appends for all, by outcome: "forwarded", "refused" (appended here), "unknown", "overloaded".';
  register(registry, "duetkv_forwarded_operations_total", "counter", sent, () =>
    (["forwarded", "refused", "unknown", "overloaded"] as const).map((outcome) => ({
      labels: { outcome },
      value: counts[outcome],
    })),
  );
  const received = "Writes that other replicas forwarded to this one.";
  registerValue(registry, "duetkv_received_operations_total", "counter", received, () => counts.received);
  const denied = "Requests to forward writes whose callers did not prove that they are replicas.";
  registerValue(registry, "duetkv_forwarding_denied_total", "counter", denied, () => counts.denied);
  const waiting = "Bytes of the writes that wait for the replica that appends for all.";
  registerValue(registry, "duetkv_forwarding_queue_bytes", "gauge", waiting, () => counts.queueBytes);
  const connected = "1 while this replica forwards its writes to another one, 0 while it appends them.";
  registerValue(registry, "duetkv_forwarding", "gauge", connected, () => Number(counts.isConnected));
}
