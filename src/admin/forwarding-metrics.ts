import type { Registry } from "prom-client";
import { register, registerValue } from "./samples.ts";

/** Operations that another replica should append. */
export interface ForwardedOperations {
  readonly forwarded: number;
  readonly refused: number;
  readonly unknown: number;
  readonly received: number;
}

/** Shows what became of forwarded operations. */
export function registerForwardingMetrics(registry: Registry, counts: ForwardedOperations): void {
  const sent =
    'Writes for the replica that appends for all, by outcome: "forwarded", "refused" (appended here), "unknown".';
  register(registry, "duetkv_forwarded_operations_total", "counter", sent, () =>
    (["forwarded", "refused", "unknown"] as const).map((outcome) => ({
      labels: { outcome },
      value: counts[outcome],
    })),
  );
  const received = "Writes that other replicas forwarded to this one.";
  registerValue(registry, "duetkv_received_operations_total", "counter", received, () => counts.received);
}
