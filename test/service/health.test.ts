import type { HandlerContext } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { createHealthService } from "../../src/service/health.ts";

function open() {
  const serves = { writable: true };
  const health = createHealthService({
    services: new Map([["writable", () => serves.writable]]),
    pollMs: 1,
  });
  const left = new AbortController();
  const context = { signal: left.signal } as HandlerContext;
  const { watch } = health.implementation;
  const watching = watch({ service: "writable" } as never, context)[Symbol.asyncIterator]();
  return { serves, health, left, next: () => watching.next() };
}

describe("Watch", () => {
  test("sends each change of the status, and nothing else", async () => {
    const { serves, next } = open();
    expect(await next()).toMatchObject({ value: { status: Status.SERVING } });
    const changed = next();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    serves.writable = false;
    expect(await changed).toMatchObject({ value: { status: Status.NOT_SERVING } });
    serves.writable = true;
    expect(await next()).toMatchObject({ value: { status: Status.SERVING } });
  });

  test("sends NOT_SERVING before it ends, even when both come at once", async () => {
    const { health, next } = open();
    await next();
    health.drain();
    health.close();
    expect(await next()).toMatchObject({ value: { status: Status.NOT_SERVING } });
    await expect(next()).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  });

  test("ends when its client leaves", async () => {
    const { left, next } = open();
    await next();
    const ended = next();
    left.abort();
    expect(await ended).toMatchObject({ done: true });
  });
});
