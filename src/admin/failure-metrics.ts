import type { Registry } from "prom-client";
import { register, type Sample } from "./samples.ts";

/**
 * Counts failed calls by method and reason, and connections that the server ended, by reason. A read of a missing key
 * is a failed call, so counting must be cheap: prom-client's own counter looks up labels for each call.
 */
export class FailureMetrics {
  readonly #errors = new Map<string, Map<string, number>>();
  readonly #endings = new Map<string, number>();

  register(registry: Registry): void {
    register(registry, "duetkv_call_errors_total", "counter", "Failed calls, by method and reason.", () =>
      [...this.#errors].flatMap(([method, counts]) => samples(counts, { method })),
    );
    const endings = "Connections that the server ended before the client did, by reason.";
    register(registry, "duetkv_connections_ended_total", "counter", endings, () =>
      samples(this.#endings, {}),
    );
  }

  /** `method` is a method of the contract, or empty when the request names no such method. */
  countError(method: string, reason: string): void {
    let counts = this.#errors.get(method);
    if (counts === undefined) this.#errors.set(method, (counts = new Map()));
    increment(counts, reason);
  }

  countConnectionEnded(reason: string): void {
    increment(this.#endings, reason);
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function samples(counts: ReadonlyMap<string, number>, labels: Sample["labels"]): Sample[] {
  return [...counts].map(([reason, value]) => ({ labels: { ...labels, reason }, value }));
}
