import { setTimeout as delay } from "node:timers/promises";
import type { HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { silentLogger } from "../../src/logging.ts";
import { CallLog } from "../../src/telemetry/call-log.ts";
import { createObserve } from "../../src/telemetry/observe-calls.ts";
import type { Span } from "../../src/telemetry/span.ts";
import { Tracer } from "../../src/telemetry/tracer.ts";

test("a span lasts until its call ends, though the duration is measured from later on", async () => {
  const spans: Span[] = [];
  const observe = createObserve({
    countCalls: () => ({ begin() {}, end() {} }),
    tracer: new Tracer({ parentBased: false, ratio: 1 }, (span) => spans.push(span)),
    callLog: new CallLog({ log: silentLogger, accessLog: false, slowMs: undefined }),
    log: silentLogger,
  });
  const observer = observe(KeyValueService, "get");
  const context = {
    protocolName: "grpc",
    requestMethod: "POST",
    requestHeader: new Headers(),
    values: new Map(),
  };
  const begun = observer.begin(context as unknown as HandlerContext);
  // As a thread that stands still here.
  await delay(5);
  observer.end(context as unknown as HandlerContext, begun, 0, undefined, undefined);
  const [span] = spans;
  expect(span && span.endTime - span.startTime).toBeGreaterThan(1);
});
