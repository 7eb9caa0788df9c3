import { expect, test } from "vitest";
import { Latencies, shares } from "../../../src/cli/bench/latencies.ts";
import { createRandom, seed } from "../../support/random.ts";

test("percentiles are at most 1/32 above those of all values, and never below", () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const latencies = new Latencies();
  const values = Array.from({ length: 5000 }, () => 0.01 * 2 ** (random.below(20_000) / 1000));
  for (const value of values) latencies.record(value);
  const sorted = values.toSorted((one, other) => one - other);
  for (const share of Object.values(shares)) {
    const exact = sorted[Math.ceil(sorted.length * share) - 1] as number;
    const found = latencies.percentileMs(share);
    expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
    expect(found).toBeLessThanOrEqual(exact * 2 ** (1 / 32) * (1 + 1e-9));
  }
  expect(latencies.maxMs).toBe(sorted.at(-1));
  const sum = latencies.octaves().reduce((total, { count }) => total + count, 0);
  expect(sum).toBe(latencies.count);
});

test("a latency on a bound of an octave and one beyond all are counted", () => {
  const latencies = new Latencies();
  for (const ms of [0, 0.02, 1e9]) latencies.record(ms);
  expect(latencies.octaves().filter(({ count }) => count > 0).length).toBe(3);
  expect(latencies.percentileMs(1)).toBeLessThanOrEqual(1e9);
  expect(latencies.percentileMs(0.01)).toBeCloseTo(0.01);
});

test("without calls there is nothing to show", () => {
  const latencies = new Latencies();
  expect([latencies.percentileMs(0.5), latencies.meanMs, latencies.octaves()]).toEqual([0, 0, []]);
});
