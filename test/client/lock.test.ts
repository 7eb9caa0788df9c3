import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { connect, type Transport } from "../../clients/typescript/src/index.ts";
import { elect, lock } from "../../clients/typescript/src/lock.ts";
import { memory, memoryTransport } from "../../clients/typescript/src/memory.ts";
import { until } from "../support/until.ts";
import { failure, open } from "./fake-transport.ts";

/** A store, and a client of it whose puts go through `unary`. */
function openBoth(put: (store: Transport, call: Parameters<Transport["unary"]>[0]) => Promise<object>) {
  const store = memoryTransport();
  const client = open(
    {
      stream: (call) => store.stream(call),
      unary: (call) => (call.method.endsWith("/Put") ? put(store, call) : store.unary(call)),
    },
    { retry: false },
  );
  return { client, direct: connect({ url: "memory:", transport: store }) };
}

test("an election goes on when the service was away for longer than a call may take", async () => {
  let isAway = false;
  let refused = 0;
  const { client } = openBoth(async (store, call) => {
    if (!isAway) return store.unary(call);
    if (++refused === 4) isAway = false;
    throw failure("unavailable", { outcome: "unknown" });
  });
  const fences: number[] = [];
  for await (const lease of elect(client, "leader", { ttlMs: 1000 })) {
    fences.push(lease.fence);
    if (fences.length === 2) break;
    isAway = true;
    await client.delete("leader");
  }
  expect(refused).toBe(4);
  expect(fences[1]).toBeGreaterThan(fences[0] ?? Number.POSITIVE_INFINITY);
});

test("a lock is not waited for when a right is missing, or the time to wait is over", async () => {
  const forbidden = openBoth(() => Promise.reject(failure("permission_denied")));
  await expect(lock(forbidden.client, "l")).rejects.toMatchObject({ code: "permission_denied" });
  const away = openBoth(() => Promise.reject(failure("unavailable")));
  await expect(lock(away.client, "l", { waitMs: 100 })).rejects.toMatchObject({ code: "unavailable" });
});

test("a lock whose time was over when the response came is not held", async () => {
  const now = performance.now.bind(performance);
  onTestFinished(() => void vi.restoreAllMocks());
  let puts = 0;
  const { client, direct } = openBoth(async (store, call) => {
    const response = await store.unary(call);
    if (++puts === 1) vi.spyOn(performance, "now").mockImplementation(() => now() + 60_000);
    return response;
  });
  const lease = await lock(client, "l", { ttlMs: 60_000 });
  expect(puts).toBe(2);
  expect(lease.signal.aborted).toBe(false);
  expect(lease.fence).toBe((await direct.get("l"))?.revision);
  await lease.release();
});

test("a lock that comes after its waiting was aborted is given up", async () => {
  const controller = new AbortController();
  const { client, direct } = openBoth(async (store, call) => {
    const response = await store.unary(call);
    controller.abort(new Error("enough"));
    return response;
  });
  await expect(lock(client, "l", { signal: controller.signal })).rejects.toThrow("enough");
  expect(await direct.get("l")).toBeUndefined();
});

test("a lock that is asked for is given up at once when its waiting is aborted, also if it comes later", async () => {
  const controller = new AbortController();
  let respond: (() => void) | undefined;
  const { client, direct } = openBoth(async (store, call) => {
    const response = await store.unary(call);
    await new Promise<void>((resolve) => {
      respond = resolve;
    });
    return response;
  });
  const taken = lock(client, "l", { signal: controller.signal });
  await until(() => respond !== undefined);
  controller.abort(new Error("enough"));
  await expect(taken).rejects.toThrow("enough");
  expect(await direct.get("l")).toBeDefined();
  respond?.();
  await until(async () => (await direct.get("l")) === undefined);
});

test("a page without TLS can take a lock: it has no crypto.randomUUID", async () => {
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(crypto, "randomUUID").mockImplementation(() => {
    throw new TypeError("crypto.randomUUID is not a function");
  });
  await using client = memory();
  await (await lock(client, "l")).release();
});

test("a lease is lost as soon as one of the clocks says so, before any timer has fired", async () => {
  await using client = memory();
  const blocked = await lock(client, "blocked", { ttlMs: 1000 });
  const end = performance.now() + 1100;
  while (performance.now() < end);
  expect(blocked.signal.aborted).toBe(true);
  const asleep = await lock(client, "asleep");
  const now = Date.now();
  vi.spyOn(Date, "now").mockReturnValue(now + 60_000);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(asleep.signal.aborted).toBe(true);
});

test("times longer than a timer can hold are kept", async () => {
  const monthMs = 30 * 86_400_000;
  const store = memoryTransport();
  let calls = 0;
  const client = open({
    stream: (call) => store.stream(call),
    unary: (call) => {
      calls++;
      return store.unary(call);
    },
  });
  const lease = await lock(client, "l", { ttlMs: monthMs });
  const waiting = lock(client, "l", { waitMs: monthMs });
  await until(() => calls >= 2);
  await delay(20);
  expect(lease.signal.aborted).toBe(false);
  expect(calls).toBe(2);
  await lease.release();
  await (await waiting).release();
});
