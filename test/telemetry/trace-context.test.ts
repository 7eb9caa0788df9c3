import { expect, test } from "vitest";
import { createSpanId, createTraceId, parseTraceparent } from "../../src/telemetry/trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

test.each([
  ["sampled", `00-${traceId}-${spanId}-01`, true],
  ["not sampled", `00-${traceId}-${spanId}-00`, false],
  ["with unknown flags", `00-${traceId}-${spanId}-fe`, false],
  ["of a later version with more fields", `01-${traceId}-${spanId}-01-more`, true],
])("reads a traceparent %s", (_title, header, sampled) => {
  expect(parseTraceparent(header)).toEqual({ traceId, spanId, sampled });
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
])("refuses the traceparent %j", (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test("ids have their length and do not repeat", () => {
  const ids = Array.from({ length: 2000 }, createTraceId);
  expect(new Set(ids).size).toBe(2000);
  for (const id of ids) expect(id).toMatch(/^[\da-f]{32}$/);
  expect(createSpanId()).toMatch(/^[\da-f]{16}$/);
});
