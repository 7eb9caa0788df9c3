import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Registry } from "prom-client";
import { durationBounds, Histogram } from "../histogram.ts";
import { CallRates } from "./call-rates.ts";
import { histogramSamples, register, registerValue, type Sample } from "./samples.ts";

const codesLength = 1 + Math.max(...Object.values(Code).filter((code) => typeof code === "number"));

/** What was counted of one method in one protocol. */
class Calls {
  readonly labels: { readonly method: string; readonly protocol: string };
  /** Those that ended well come first, the others by their code. */
  readonly byCode = new Float64Array(codesLength);
  /** In seconds. */
  readonly durations = new Histogram(durationBounds);

  constructor(method: string, protocol: string) {
    this.labels = { method, protocol };
  }
}

/** Counts the calls of one method. Each `begin` is followed by an `end`. */
export interface MethodCounter {
  begin(): void;
  /** `code` is undefined when the call succeeded. */
  end(protocol: string, milliseconds: number, code: Code | undefined): void;
}

/**
 * Counts calls and their durations, and exposes them to prom-client. prom-client's own counter and histogram look up
 * labels for each call, which costs more than the read of a key.
 */
export class CallMetrics {
  readonly #unary: Calls[] = [];
  readonly #streaming: Calls[] = [];
  #inFlight = 0;
  /** Of unary calls alone: streams last as long as their readers like. */
  readonly rates = new CallRates(durationBounds, () => this.#unaryCounts());

  register(registry: Registry): void {
    const calls = "Calls that have ended, by method, protocol and code.";
    register(registry, "duetkv_calls_total", "counter", calls, () =>
      [...this.#unary, ...this.#streaming].flatMap(countSamples),
    );
    const name = "duetkv_call_duration_seconds";
    const durations = "Time of unary calls from the handler's start to its end, by method and protocol.";
    register(registry, name, "histogram", durations, () =>
      this.#unary.flatMap(({ labels, durations: histogram }) => histogramSamples(name, labels, histogram)),
    );
    const inFlight = "Calls whose handler has begun and not ended, watches among them.";
    registerValue(registry, "duetkv_calls_in_flight", "gauge", inFlight, () => this.#inFlight);
  }

  ofMethod(method: string, isUnary: boolean): MethodCounter {
    const byProtocol = new Map<string, Calls>();
    const all = isUnary ? this.#unary : this.#streaming;
    const createCalls = (protocol: string) => {
      const calls = new Calls(method, protocol);
      byProtocol.set(protocol, calls);
      all.push(calls);
      return calls;
    };
    return {
      begin: () => {
        this.#inFlight++;
      },
      end: (protocol, milliseconds, code) => {
        this.#inFlight--;
        const calls = byProtocol.get(protocol) ?? createCalls(protocol);
        calls.byCode[code ?? 0] = (calls.byCode[code ?? 0] as number) + 1;
        if (isUnary) calls.durations.record(milliseconds / 1000);
      },
    };
  }

  #unaryCounts(): Float64Array {
    const sums = new Float64Array(durationBounds.length + 1);
    for (const { durations } of this.#unary) {
      durations.counts.forEach((count, bucket) => (sums[bucket] = (sums[bucket] as number) + count));
    }
    return sums;
  }
}

function countSamples({ labels, byCode }: Calls): Sample[] {
  return [...byCode].flatMap((value, code) =>
    value === 0 ? [] : [{ labels: { ...labels, code: code === 0 ? "ok" : codeToString(code) }, value }],
  );
}
