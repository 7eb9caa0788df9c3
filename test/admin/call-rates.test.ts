import { expect, onTestFinished, test, vi } from "vitest";
import { CallMetrics } from "../../src/admin/call-metrics.ts";

test("rates are those of the unary calls of the last 10 seconds", () => {
  vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const metrics = new CallMetrics();
  onTestFinished(() => metrics.rates.close());
  const [get, watch] = [metrics.ofMethod("get", true), metrics.ofMethod("watch", false)];
  expect(metrics.rates.read()).toEqual({ callsPerSecond: 0, p99Seconds: 0 });
  watch.end("grpc", 1000, undefined);
  for (let call = 0; call < 980; call++) get.end("grpc", 0.2, undefined);
  for (let call = 0; call < 20; call++) get.end("grpc", 80, undefined);
  vi.advanceTimersByTime(5000);
  // 10 of the 20 calls between 0.05 and 0.1 s are among the 99 %.
  expect(metrics.rates.read()).toEqual({ callsPerSecond: 200, p99Seconds: expect.closeTo(0.075, 9) });
  vi.advanceTimersByTime(4000);
  expect(metrics.rates.read().callsPerSecond).toBeCloseTo(1000 / 9);
  vi.advanceTimersByTime(2000);
  get.end("grpc", 60_000, undefined);
  expect(metrics.rates.read()).toEqual({ callsPerSecond: expect.closeTo(0.1, 2), p99Seconds: 5 });
});
