import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { number } from "../../clients/typescript/src/codec.ts";
import {
  type Batch,
  CodecError,
  DuetError,
  LimitError,
  TimeoutError,
} from "../../clients/typescript/src/index.ts";
import { memory } from "../../clients/typescript/src/memory.ts";
import { connect as connectByGrpc } from "../../clients/typescript/src/node.ts";
import { until } from "../support/until.ts";
import { failure, open } from "./fake-transport.ts";

test("a value that cannot be decoded is in the way of no other", async () => {
  const client = memory();
  const numbers = client.scope("n/", number);
  await client.commit((batch) => batch.put("n/a", "1").put("n/bad", "x").put("n/c", "3"));
  await expect(numbers.get("bad")).rejects.toThrow(CodecError);
  const listed = await Array.fromAsync(numbers.list());
  expect(listed.map(({ key }) => key)).toEqual(["a", "bad", "c"]);
  expect([listed[0]?.value, listed[2]?.value]).toEqual([1, 3]);
  expect(() => listed[1]?.value).toThrow(CodecError);
  const { entries } = await numbers.getMany(["bad", "c"]);
  expect(entries.get("c")?.value).toBe(3);
  for await (const message of numbers.watch({ prefix: "" }, { existing: true })) {
    if (message.type === "reset") {
      expect(message.entries.map(({ key }) => key)).toEqual(["a", "bad", "c"]);
      await client.commit((batch) => batch.put("n/bad", "y").put("n/c", "4"));
      continue;
    }
    const [bad, c] = message.type === "changes" ? message.changes : [];
    expect(() => bad?.entry?.value).toThrow('the value of "bad": not a number');
    expect(c?.entry?.value).toBe(4);
    break;
  }
});

test("a key is counted, and told, whatever its value is", async () => {
  const client = memory();
  const numbers = client.scope("n/", number);
  await client.put("n/bad", "x");
  const range = { key: "bad" };
  expect(await numbers.count(range)).toBe(1);
  expect(await Array.fromAsync(numbers.keys(range))).toEqual(["bad"]);
  const [entry] = await Array.fromAsync(numbers.list(range));
  expect(entry?.version).toBe(1);
  expect(() => entry?.value).toThrow(CodecError);
  expect(await numbers.count({ key: "none" })).toBe(0);
  expect(await Array.fromAsync(numbers.keys({ key: "none" }))).toEqual([]);
});

test("a commit that is built in an asynchronous function is refused, since it would lose a part", async () => {
  const client = memory();
  const build: (batch: Batch<string>) => unknown = async (batch) => {
    batch.put("a", "1");
    await Promise.resolve();
    batch.put("b", "2");
  };
  await expect(client.commit(build)).rejects.toThrow(TypeError);
  expect(await client.count()).toBe(0);
});

test("a value is decoded once", async () => {
  const client = memory();
  let decoded = 0;
  const scope = client.scope("", { encode: String, decode: (stored) => [++decoded, stored] });
  await client.put("k", "v");
  for await (const entry of scope.list()) expect(entry.value).toBe(entry.value);
  expect(decoded).toBe(1);
});

test.each([5, { a: 1 }, true, Uint8Array.of(1).buffer, Float64Array.of(1), undefined])(
  "%s is not a value without a codec",
  async (value) => {
    const client = memory();
    await expect(client.put("k", value as unknown as string)).rejects.toThrow(CodecError);
    expect(await client.get("k")).toBeUndefined();
  },
);

test("a time to live may have fractions, and must be finite", async () => {
  const ttls: unknown[] = [];
  const client = open({
    async unary({ message }) {
      ttls.push((message as { ttl: string }).ttl);
      return { revision: "1", entry: { key: "k" } };
    },
  });
  await client.put("k", "v", { ttlMs: 15_000 / 7 });
  await client.touch("k", { ttlMs: 60_000.000_000_1 });
  expect(ttls).toEqual(["2.143s", "60.001s"]);
  const put = client.put("k", "v", { ttlMs: Number.NaN });
  await expect(put).rejects.toMatchObject({ reason: "TTL_INVALID", outcome: "nothing" });
});

test("a request that gRPC cannot carry is refused, and not tried again", async () => {
  const events: unknown[] = [];
  const client = connectByGrpc({ url: "http://127.0.0.1:9", onEvent: (event) => events.push(event) });
  const error: unknown = await client.put("k", "v", { ifRevision: 1.5 }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DuetError);
  expect(error).toMatchObject({ code: "invalid_argument", reason: "REQUEST_MALFORMED", outcome: "nothing" });
  expect(events).toEqual([]);
  await client.close();
});

test("a rate limit is not met with more calls", async () => {
  let calls = 0;
  const client = open(
    {
      async unary() {
        calls++;
        throw failure("resource_exhausted", { reason: "RATE_LIMITED", retryAfterMs: 60_000 });
      },
    },
    { isBatched: true },
  );
  const gets = await Promise.allSettled(Array.from({ length: 1000 }, (_, index) => client.get(`k${index}`)));
  expect(gets.every(({ status }) => status === "rejected")).toBe(true);
  expect(calls).toBe(1);
});

test("gets that are read apart have the time of one call", async () => {
  const client = open(
    {
      async unary({ message, timeoutMs }) {
        const { keys = [] } = message as { keys?: string[] };
        await delay(Math.min(timeoutMs, 40));
        if (timeoutMs < 40) throw failure("deadline_exceeded", { outcome: "unknown" });
        throw failure("resource_exhausted", { reason: "RESPONSE_TOO_LARGE", message: `${keys.length} keys` });
      },
    },
    { isBatched: true, timeoutMs: 100 },
  );
  const gets = await Promise.allSettled(Array.from({ length: 64 }, (_, index) => client.get(`k${index}`)));
  // Seven levels of halves would take 280 ms.
  for (const get of gets) expect(get).toMatchObject({ reason: { name: "TimeoutError" } });
});

test("many keys are read at one revision, in parts that the service takes", async () => {
  const reads: [number, unknown][] = [];
  const client = open({
    async unary({ message }) {
      const { keys, atRevision } = message as { keys: string[]; atRevision?: number };
      reads.push([keys.length, atRevision]);
      if (keys.length > 400) throw failure("invalid_argument", { reason: "TOO_MANY_OPERATIONS" });
      if (keys.includes("large") && keys.length > 1) {
        throw failure("resource_exhausted", { reason: "RESPONSE_TOO_LARGE" });
      }
      const entries = keys.map((key) => ({ key, value: key, revision: "1", version: "1" }));
      return { revision: String(7 + reads.length), entries };
    },
  });
  const keys = ["large", "b", "c", ...Array.from({ length: 598 }, (_, index) => `k${index}`)];
  const { revision, entries } = await client.getMany(keys);
  expect([...entries.keys()]).toEqual(keys);
  const done = reads.filter(([count, at]) => at !== undefined || count === 1);
  expect(done[0]).toEqual([1, undefined]);
  expect(done.slice(1).every(([, at]) => at === revision)).toBe(true);
  const limit = open({
    unary: async () => Promise.reject(failure("resource_exhausted", { reason: "RESPONSE_TOO_LARGE" })),
  });
  await expect(limit.getMany(["a"])).rejects.toThrow(LimitError);
  expect(await limit.getMany([])).toEqual({ revision: 0, entries: new Map() });
});

test("a read of many keys whose history is always gone ends in time, and with a revision at once", async () => {
  let calls = 0;
  const client = open(
    {
      async unary() {
        calls++;
        throw failure("out_of_range", { reason: "REVISION_COMPACTED" });
      },
    },
    { timeoutMs: 30 },
  );
  // The 30 ms may be over before the second try.
  await until(async () => {
    calls = 0;
    await expect(client.getMany(["a"])).rejects.toMatchObject({ reason: "REVISION_COMPACTED" });
    expect(calls).toBeGreaterThan(1);
  });
  calls = 0;
  await expect(client.getMany(["a"], { atRevision: 1 })).rejects.toMatchObject({
    reason: "REVISION_COMPACTED",
  });
  expect(calls).toBe(1);
});

test("all calls of an update and of a transaction have the time of one together", async () => {
  const timeouts: number[] = [];
  const client = open(
    {
      async unary({ method, timeoutMs }) {
        timeouts.push(timeoutMs);
        await delay(20);
        if (method.endsWith("BatchGet")) return { revision: "1" };
        if (method.endsWith("Get")) throw failure("not_found", { reason: "NO_SUCH_KEY" });
        throw failure("deadline_exceeded", { outcome: "unknown" });
      },
    },
    { timeoutMs: 1000 },
  );
  const update = client.update("k", () => "v");
  await expect(update).rejects.toThrow(TimeoutError);
  const transaction = client.transact(async (each) => {
    await each.get("k");
    each.put("k", "v");
  });
  await expect(transaction).rejects.toThrow(TimeoutError);
  expect(timeouts).toHaveLength(4);
  // A timer may end a fraction of a millisecond early.
  expect(timeouts[1]).toBeLessThan(982);
  expect(timeouts[3]).toBeLessThan(982);
});

test("a watch of nothing is refused", () => {
  const client = memory();
  for (const target of [{ keys: [] }, { keys: [], prefixes: [] }, {}]) {
    expect(() => client.watch(target)).toThrow("nothing to watch");
  }
});

test("revision 0 is that of an entry that does not exist", async () => {
  const client = memory();
  const head = await client.put("k", "1", { ifRevision: 0 });
  expect(head.version).toBe(1);
  await expect(client.put("k", "2", { ifRevision: 0 })).rejects.toMatchObject({ reason: "KEY_EXISTS" });
});
