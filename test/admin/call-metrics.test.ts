import { Code } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { CallMetrics } from "../../src/admin/call-metrics.ts";

test("calls are counted by method and code, and their durations by bucket", async () => {
  const registry = new Registry();
  const metrics = new CallMetrics();
  metrics.register(registry);
  const [get, put] = [metrics.ofMethod("get", true), metrics.ofMethod("put", true)];
  get(0.1, undefined);
  get(0.11, undefined);
  get(6000, Code.NotFound);
  put(1, undefined);
  const lines = (await registry.metrics()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "# TYPE duetkv_calls_total counter",
      'duetkv_calls_total{method="get",code="ok"} 2',
      'duetkv_calls_total{method="get",code="not_found"} 1',
      'duetkv_calls_total{method="put",code="ok"} 1',
      "# TYPE duetkv_call_duration_seconds histogram",
      'duetkv_call_duration_seconds_bucket{le="0.0001",method="get"} 1',
      'duetkv_call_duration_seconds_bucket{le="0.0005",method="get"} 2',
      'duetkv_call_duration_seconds_bucket{le="5",method="get"} 2',
      'duetkv_call_duration_seconds_bucket{le="+Inf",method="get"} 3',
      'duetkv_call_duration_seconds_count{method="get"} 3',
      'duetkv_call_duration_seconds_sum{method="put"} 0.001',
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
