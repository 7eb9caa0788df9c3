import { expect, test } from "vitest";
import { childSpan, encodeSpans, type Span } from "../../src/telemetry/span.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const root: Span = {
  traceId,
  spanId: "b7ad6b7169203331",
  parentSpanId: "",
  traceState: "",
  name: "duetkv.v1.KeyValueService/Get",
  kind: "server",
  startTime: 1_700_000_000_000.123,
  endTime: 1_700_000_000_001,
  attributes: {},
  links: [],
  failed: false,
};

test("spans are encoded as OTLP in JSON, with the characters that JSON escapes", () => {
  const child: Span = {
    ...childSpan({ ...root, traceState: 'a="b\\c"' }, "append", "internal", 0, [root]),
    spanId: "b7ad6b7169203332",
    startTime: 1_700_000_000_000,
    endTime: 1_700_000_000_000.5,
    attributes: { "duetkv.outcome": 'line\n"quoted"', count: 3 },
    failed: true,
  };
  expect(JSON.parse(encodeSpans([root, child], { "service.name": 'k"v' }))).toEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: 'k"v' } }] },
        scopeSpans: [
          {
            scope: { name: "duetkv" },
            spans: [
              {
                traceId,
                spanId: "b7ad6b7169203331",
                name: "duetkv.v1.KeyValueService/Get",
                kind: 2,
                startTimeUnixNano: "1700000000000123000",
                endTimeUnixNano: "1700000000001000000",
                attributes: [],
                status: {},
              },
              {
                traceId,
                spanId: "b7ad6b7169203332",
                parentSpanId: "b7ad6b7169203331",
                traceState: 'a="b\\c"',
                name: "append",
                kind: 1,
                startTimeUnixNano: "1700000000000000000",
                endTimeUnixNano: "1700000000000500000",
                attributes: [
                  { key: "duetkv.outcome", value: { stringValue: 'line\n"quoted"' } },
                  { key: "count", value: { intValue: "3" } },
                ],
                links: [{ traceId, spanId: "b7ad6b7169203331" }],
                status: { code: 2 },
              },
            ],
          },
        ],
      },
    ],
  });
});
