import type { Metric, Registry } from "prom-client";
import type { Histogram } from "../histogram.ts";

export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

type Type = "counter" | "gauge" | "histogram";

/** All that a registry asks of a metric. */
export function metric(name: string, type: string, help: string, values: () => readonly Sample[]): Metric {
  const get = () => Promise.resolve({ name, help, type, values: values(), aggregator: "sum" });
  return { name, get } as unknown as Metric;
}

/** Shows values that are read when they are asked for: prom-client's own metrics look up their labels for each change. */
export function register(
  registry: Registry,
  name: string,
  type: Type,
  help: string,
  values: () => readonly Sample[],
): void {
  registry.registerMetric(metric(name, type, help, values));
}

/** The same, of one value without labels; undefined: there is none. */
export function registerValue(
  registry: Registry,
  name: string,
  type: Exclude<Type, "histogram">,
  help: string,
  value: () => number | undefined,
): void {
  register(registry, name, type, help, () => {
    const read = value();
    return read === undefined ? [] : [{ labels: {}, value: read }];
  });
}

/** The same, of a histogram without labels. */
export function registerHistogram(
  registry: Registry,
  name: string,
  help: string,
  histogram: Histogram,
): void {
  register(registry, name, "histogram", help, () => histogramSamples(name, {}, histogram));
}

/** A histogram as Prometheus wants it: each bucket counts those before it, too. */
export function histogramSamples(
  name: string,
  labels: Sample["labels"],
  { bounds, counts, sum }: Histogram,
): Sample[] {
  let count = 0;
  const buckets = [...counts].map((value, bucket) => {
    count += value;
    return {
      metricName: `${name}_bucket`,
      labels: { le: bounds[bucket] ?? "+Inf", ...labels },
      value: count,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
