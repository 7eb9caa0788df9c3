import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { type Client, ConflictError, connect } from "../../clients/typescript/src/index.ts";
import { elect, LockHeldError, lock, observe, withLock } from "../../clients/typescript/src/lock.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { patienceMs } from "./patience.ts";

let server: ServerProcess;
let proxy: FaultProxy;
let client: Client;
let direct: Client;
let count = 0;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  const prefix = `${++count}/`;
  proxy = await startFaultProxy(server.address);
  const made = connect({ url: proxy.url, prefix, timeoutMs: patienceMs, retry: { baseMs: 1, maxMs: 10 } });
  client = made;
  direct = connect({ url: `http://${server.address}`, prefix, timeoutMs: patienceMs });
  onTestFinished(() => made.close());
});

test("a lock has one holder at a time, and each holder a greater fence", async () => {
  let holders = 0;
  const fences: number[] = [];
  const work = () =>
    withLock(client, "l", {}, async ({ fence }) => {
      expect(++holders).toBe(1);
      fences.push(fence);
      await direct.get("other");
      holders--;
    });
  await Promise.all([work(), work(), work()]);
  expect(fences).toEqual(fences.toSorted((one, other) => one - other));
  expect(new Set(fences).size).toBe(3);
  expect(await direct.get("l")).toBeUndefined();
});

test("a lock that is held is waited for only so long", async () => {
  const lease = await lock(direct, "l", { owner: "first" });
  await expect(lock(client, "l", { waitMs: 50 })).rejects.toThrow(LockHeldError);
  const signal = AbortSignal.timeout(50);
  await expect(lock(client, "l", { signal })).rejects.toMatchObject({ name: "TimeoutError" });
  expect((await client.get("l"))?.value).toBe("first");
  await lease.release();
  await using second = await lock(client, "l");
  expect(second.fence).toBeGreaterThan(lease.fence);
  expect(lease.signal.aborted).toBe(true);
});

test("a lease is renewed without a new fence, and its check holds in a commit", async () => {
  await using lease = await lock(client, "l", { ttlMs: 1000 });
  await until(() => proxy.calls.filter((method) => method === "Touch").length >= 4);
  expect(lease.signal.aborted).toBe(false);
  await direct.commit((batch) => batch.check(lease.check()).put("done", "1"));
  expect((await direct.get("l"))?.revision).toBe(lease.fence);
});

test("a lease that cannot be renewed is lost before the service gives the lock away", async () => {
  const lease = await lock(client, "l", { ttlMs: 1000 });
  proxy.decide = () => "lose";
  let lostAt = Number.POSITIVE_INFINITY;
  lease.signal.addEventListener("abort", () => {
    lostAt = performance.now();
  });
  const next = await lock(direct, "l");
  expect(lostAt).toBeLessThan(performance.now());
  await next.release();
  const commit = direct.commit((batch) => batch.check(lease.check()).put("late", "1"));
  await expect(commit).rejects.toThrow(ConflictError);
});

test("a lease whose key is deleted or taken is lost", async () => {
  const lease = await lock(client, "l", { ttlMs: 1000 });
  await direct.put("l", "taken");
  await until(() => lease.signal.aborted);
  await lease.release();
  expect((await direct.get("l"))?.value).toBe("taken");
});

test("leaders follow each other, and observers see each", async () => {
  const seen: (string | undefined)[] = [];
  const controller = new AbortController();
  const observer = (async () => {
    for await (const leader of observe(direct, "e", { signal: controller.signal })) {
      seen.push(leader === undefined ? undefined : String(leader.value));
    }
  })();
  await until(() => seen.length === 1);
  for (const owner of ["one", "two"]) {
    for await (const lease of elect(client, "e", { owner })) {
      await until(() => seen.at(-1) === owner);
      expect(lease.signal.aborted).toBe(false);
      break;
    }
  }
  await until(() => seen.at(-1) === undefined && seen.length >= 4);
  controller.abort();
  await observer;
  expect(seen.filter((owner) => owner !== undefined)).toEqual(["one", "two"]);
});

test("who lost the leadership is elected again", async () => {
  const fences: number[] = [];
  for await (const lease of elect(client, "e", { ttlMs: 1000 })) {
    fences.push(lease.fence);
    if (fences.length === 2) break;
    await direct.delete("e");
  }
  expect(fences[1]).toBeGreaterThan(fences[0] ?? Number.POSITIVE_INFINITY);
});
