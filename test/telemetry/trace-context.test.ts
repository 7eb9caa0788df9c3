import { expect, test } from "vitest";
import {
  createSampledTraceId,
  createSpanId,
  isUnsampled,
  isWithinRatio,
  parseTraceparent,
} from "../../src/telemetry/trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

test.each([
  ["sampled", `00-${traceId}-${spanId}-01`, true],
  ["not sampled", `00-${traceId}-${spanId}-00`, false],
  ["with unknown flags", `00-${traceId}-${spanId}-fe`, false],
  ["of a later version with more fields", `01-${traceId}-${spanId}-01-more`, true],
])("reads a traceparent %s", (_title, header, sampled) => {
  expect(parseTraceparent(header)).toEqual({ traceId, spanId, sampled });
  expect(isUnsampled(header)).toBe(!sampled);
});

test.each([
  "",
  "nonsense",
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}-01-more`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${"0".repeat(32)}-${spanId}-01`,
  `00-${traceId}-${"0".repeat(16)}-01`,
  `00-${traceId}-${spanId}`,
  `00-${traceId}x-${spanId}-01`,
  `00-${traceId}-${spanId}-0`,
])("refuses the traceparent %j", (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
  expect(isUnsampled(header.replace(/01(?=$|-more)/, "00"))).toBe(false);
});

test("ids have their length and do not repeat", () => {
  const ids = Array.from({ length: 2000 }, () => createSampledTraceId(1));
  expect(new Set(ids).size).toBe(2000);
  for (const id of ids) expect(id).toMatch(/^[\da-f]{32}$/);
  expect(createSpanId()).toMatch(/^[\da-f]{16}$/);
});

test.each([0, 0.25, 0.9, 1])("a share of %d of the new traces is sampled, by their ids", (ratio) => {
  const drawn = Array.from({ length: 20_000 }, () => createSampledTraceId(ratio));
  const ids = drawn.filter((id) => id !== undefined);
  // More than ten times the standard deviation.
  expect(Math.abs(ids.length / drawn.length - ratio)).toBeLessThan(0.04);
  expect(ids.every((id) => isWithinRatio(id, ratio))).toBe(true);
});

test.each([
  ["00000000000000000000000000000000", 0.000_001, true],
  ["ffffffffffffffffff40000000000000", 0.25, false],
  ["ffffffffffffffffff3fffffffffff00", 0.25, true],
  ["ffffffffffffffffffffffffffffffff", 1, true],
])("a trace %s is within %d: %s", (id, ratio, isWithin) => {
  expect(isWithinRatio(id, ratio)).toBe(isWithin);
});
