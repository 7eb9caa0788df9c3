import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Metric, Registry } from "prom-client";
import { CallRates } from "./call-rates.ts";

/** Upper bounds of the histogram's buckets, in seconds. */
const buckets = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** The counts of one method. */
interface Calls {
  readonly method: string;
  readonly isUnary: boolean;
  /** The number of calls by error code; index 0 counts the successful ones. */
  readonly byCode: Float64Array;
  /** Histogram counts by bucket; the last bucket is +Inf. */
  readonly byBucket: Float64Array;
  seconds: number;
}

/** Counts a finished call; `code` is undefined when it succeeded. */
export type CountCall = (milliseconds: number, code: Code | undefined) => void;

/**
 * Counts calls and their durations, and exposes them to prom-client. prom-client's own counter and histogram look up
 * labels for each call, which costs more than the read of a key.
 */
export class CallMetrics {
  readonly #calls: Calls[] = [];
  /** Rates of unary calls. Streams last as long as their readers like. */
  readonly rates = new CallRates(buckets, () => this.#unaryCounts());

  register(registry: Registry): void {
    registry.registerMetric(
      metric("duetkv_calls_total", "counter", "Calls that have ended, by method and code.", () =>
        this.#calls.flatMap(countSamples),
      ),
    );
    registry.registerMetric(
      metric(
        "duetkv_call_duration_seconds",
        "histogram",
        "Time from the handler's start to its end, by method.",
        () => this.#calls.flatMap(durationSamples),
      ),
    );
  }

  ofMethod(method: string, isUnary: boolean): CountCall {
    const codes = Math.max(...Object.values(Code).filter((code) => typeof code === "number"));
    const byCode = new Float64Array(codes + 1);
    const byBucket = new Float64Array(buckets.length + 1);
    const calls: Calls = { method, isUnary, byCode, byBucket, seconds: 0 };
    this.#calls.push(calls);
    return (milliseconds, code) => {
      const seconds = milliseconds / 1000;
      let bucket = 0;
      while (bucket < buckets.length && seconds > (buckets[bucket] as number)) bucket++;
      byCode[code ?? 0] = (byCode[code ?? 0] as number) + 1;
      byBucket[bucket] = (byBucket[bucket] as number) + 1;
      calls.seconds += seconds;
    };
  }

  #unaryCounts(): Float64Array {
    const sums = new Float64Array(buckets.length + 1);
    for (const { isUnary, byBucket } of this.#calls) {
      if (isUnary) byBucket.forEach((count, bucket) => (sums[bucket] = (sums[bucket] as number) + count));
    }
    return sums;
  }
}

export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

function countSamples({ method, byCode }: Calls): Sample[] {
  return [...byCode].flatMap((value, code) =>
    value === 0 ? [] : [{ labels: { method, code: code === 0 ? "ok" : codeToString(code) }, value }],
  );
}

function durationSamples({ method, byBucket, seconds }: Calls): Sample[] {
  const name = "duetkv_call_duration_seconds";
  let count = 0;
  const samples = [...byBucket].map((value, bucket) => {
    count += value;
    return { metricName: `${name}_bucket`, labels: { le: buckets[bucket] ?? "+Inf", method }, value: count };
  });
  if (count === 0) return [];
  return [
    ...samples,
    { metricName: `${name}_sum`, labels: { method }, value: seconds },
    { metricName: `${name}_count`, labels: { method }, value: count },
  ];
}

/** A metric for prom-client's registry, computed when it is read. */
export function metric(name: string, type: string, help: string, values: () => readonly Sample[]): Metric {
  const get = () => Promise.resolve({ name, help, type, values: values(), aggregator: "sum" });
  return { name, get } as unknown as Metric;
}
