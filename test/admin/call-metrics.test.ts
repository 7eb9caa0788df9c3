import { Code } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { CallMetrics } from "../../src/admin/call-metrics.ts";

test("calls are counted by method and code, and their durations by bucket", async () => {
  const registry = new Registry();
  const metrics = new CallMetrics();
  metrics.register(registry);
  const [get, put] = [metrics.ofMethod("get", true), metrics.ofMethod("put", true)];
  get.end("grpc", 0.1, undefined);
  get.end("grpc", 0.11, undefined);
  get.end("grpc", 6000, Code.NotFound);
  put.end("rest", 1, undefined);
  const lines = (await registry.metrics()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "# TYPE duetkv_calls_total counter",
      'duetkv_calls_total{method="get",protocol="grpc",code="ok"} 2',
      'duetkv_calls_total{method="get",protocol="grpc",code="not_found"} 1',
      'duetkv_calls_total{method="put",protocol="rest",code="ok"} 1',
      "# TYPE duetkv_call_duration_seconds histogram",
      'duetkv_call_duration_seconds_bucket{le="0.0001",method="get",protocol="grpc"} 1',
      'duetkv_call_duration_seconds_bucket{le="0.0005",method="get",protocol="grpc"} 2',
      'duetkv_call_duration_seconds_bucket{le="5",method="get",protocol="grpc"} 2',
      'duetkv_call_duration_seconds_bucket{le="+Inf",method="get",protocol="grpc"} 3',
      'duetkv_call_duration_seconds_count{method="get",protocol="grpc"} 3',
      'duetkv_call_duration_seconds_sum{method="put",protocol="rest"} 0.001',
    ]),
  );
});

test("a method without calls has no samples", async () => {
  const registry = new Registry();
  const metrics = new CallMetrics();
  metrics.register(registry);
  metrics.ofMethod("get", true);
  expect(await registry.metrics()).not.toContain("{");
});

test("a call counts as in flight until it ends; streams have no duration", async () => {
  const registry = new Registry();
  const metrics = new CallMetrics();
  metrics.register(registry);
  const watch = metrics.ofMethod("watch", false);
  watch.begin();
  watch.begin();
  watch.end("grpc", 60_000, Code.Canceled);
  const text = await registry.metrics();
  expect(text).toContain("duetkv_calls_in_flight 1");
  expect(text).toContain('duetkv_calls_total{method="watch",protocol="grpc",code="canceled"} 1');
  expect(text).not.toContain("duetkv_call_duration_seconds_count");
});
