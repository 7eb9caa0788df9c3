import { expect, onTestFinished, test, vi } from "vitest";
import { memory, memoryTransport } from "../../clients/typescript/src/memory.ts";
import { open } from "./fake-transport.ts";

// What the service refuses, so that the tests of programs find it. What both do is in client.process.test.ts.

const mebibyte = 2 ** 20;

test.each<[string, (client: ReturnType<typeof memory>) => Promise<unknown>]>([
  ["REQUEST_MALFORMED", (client) => client.commit(() => {})],
  [
    "TOO_MANY_OPERATIONS",
    (client) =>
      client.commit((batch) => {
        for (let index = 0; index <= 1000; index++) batch.put(String(index), "");
      }),
  ],
  ["KEY_INVALID", (client) => client.put("\ud800", "")],
  ["VALUE_INVALID", (client) => client.put("k", "\ud800")],
  ["REVISION_NOT_REACHED", (client) => client.get("k", { minRevision: 5, timeoutMs: 20 })],
  ["REVISION_NOT_REACHED", (client) => client.get("k", { atRevision: 5, timeoutMs: 20 })],
])("refuses with %s what the service refuses", async (reason, call) => {
  await expect(call(memory())).rejects.toMatchObject({ reason });
});

test("a response has a limit, as that of the service", async () => {
  const store = memoryTransport();
  const parts: number[] = [];
  const client = open({
    unary(call) {
      if (call.method.endsWith("/BatchGet")) parts.push((call.message as { keys: string[] }).keys.length);
      return store.unary(call);
    },
  });
  const keys = ["0", "1", "2", "3", "4", "5"];
  for (const key of keys) await client.put(key, "x".repeat(mebibyte));
  const { entries } = await client.getMany(keys);
  expect([...entries.keys()]).toEqual(keys);
  expect(parts).toEqual([6, 3, 3]);
});

test("the past is as it was, touches and deletes included", async () => {
  const client = memory();
  const first = await client.put("k", "1");
  await client.touch("k", { ttlMs: 60_000 });
  await client.commit((batch) => batch.put("k", "2").put("l", "1"));
  await client.delete("k");
  expect(await client.get("k")).toBeUndefined();
  const past = await client.get("k", { atRevision: first.revision });
  expect([past?.value, past?.expireTime]).toEqual(["1", undefined]);
  expect((await client.get("k", { atRevision: first.revision + 1 }))?.expireTime).toBeInstanceOf(Date);
  expect((await client.get("k", { atRevision: first.revision + 2 }))?.value).toBe("2");
  expect(await client.get("l", { atRevision: first.revision })).toBeUndefined();
});

test("an idle watch has a heartbeat", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const events: unknown[] = [];
  const client = memory({ onEvent: (event) => events.push(event) });
  await client.put("k", "1");
  const messages = client.watch()[Symbol.asyncIterator]();
  await messages.next();
  for (let beat = 0; beat < 3; beat++) {
    const next = messages.next();
    await vi.advanceTimersByTimeAsync(15_000);
    expect((await next).value).toEqual({ type: "bookmark", revision: 1 });
  }
  expect(events).toEqual([]);
  await messages.return?.();
});
