import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type Client,
  type Codec,
  CodecError,
  ConflictError,
  type ConnectOptions,
  connect,
  DuetError,
  LimitError,
} from "../../clients/typescript/src/index.ts";
import { memory } from "../../clients/typescript/src/memory.ts";
import { connect as connectByGrpc } from "../../clients/typescript/src/node.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs } from "./patience.ts";

const numbers: Codec<number> = {
  encode: (value) => JSON.stringify(value),
  decode: (stored) => {
    const value: unknown = JSON.parse(stored as string);
    if (typeof value !== "number") throw new TypeError("not a number");
    return value;
  },
};

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  return Array.fromAsync(items);
}

/** To a program they are the same. */
const openers: Readonly<Record<string, (options: ConnectOptions) => Client>> = {
  fetch: connect,
  gRPC: connectByGrpc,
  memory: ({ prefix = "" }) => memory({ prefix }),
};

describe.each(Object.entries(openers))("%s", (_name, open) => {
  let server: ServerProcess;
  let client: Client;
  let count = 0;

  beforeAll(async () => {
    server = await startServerProcess(["--log", "memory:"]);
  });

  afterAll(async () => {
    await server.stop();
  });

  /** Each test has keys of its own. */
  beforeEach(() => {
    client = open({ url: `http://${server.address}`, prefix: `${++count}/`, timeoutMs: patienceMs });
  });

  test("text and bytes come back as they were written, with the metadata of the entry", async () => {
    const before = Date.now();
    const head = await client.put("text", "grüße");
    const entry = await client.get("text");
    expect(entry).toMatchObject({ ...head, value: "grüße", version: 1, createRevision: head.revision });
    expect(entry?.expireTime).toBeUndefined();
    expect(entry?.updateTime.getTime()).toBeGreaterThanOrEqual(before - 1000);
    const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256);
    await client.put("bytes", bytes, { ttlMs: 60_500 });
    const stored = await client.get("bytes");
    expect(stored?.value).toEqual(bytes);
    expect((stored?.expireTime?.getTime() ?? 0) - (stored?.updateTime.getTime() ?? 0)).toBe(60_500);
    await client.put("empty", "");
    expect((await client.get("empty"))?.value).toBe("");
  });

  test("a missing key is undefined, and deleting one is false", async () => {
    expect(await client.get("none")).toBeUndefined();
    expect(await client.delete("none")).toBe(false);
    expect(await client.touch("none")).toBeUndefined();
    await client.put("some", "1");
    expect(await client.delete("some")).toBe(true);
    expect(await client.get("some")).toBeUndefined();
  });

  test("create, replace and conditions fail with the revision of the other writer", async () => {
    const first = await client.create("k", "1");
    await expect(client.create("k", "2")).rejects.toThrow(ConflictError);
    const second = await client.replace(first, "2");
    expect(second.version).toBe(2);
    const error: unknown = await client.replace(first, "3").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConflictError);
    expect((error as ConflictError).currentRevision).toBe(second.revision);
    expect((error as ConflictError).outcome).toBe("nothing");
    await expect(client.delete("k", { ifRevision: first.revision })).rejects.toThrow(ConflictError);
    expect(await client.delete("k", { ifRevision: second.revision })).toBe(true);
  });

  test("concurrent updates of one key all count", async () => {
    const counters = client.scope("counters/", numbers);
    await Promise.all(
      Array.from({ length: 20 }, () =>
        counters.update("n", (entry) => (entry?.value ?? 0) + 1, { timeoutMs: 60_000 }),
      ),
    );
    expect((await counters.get("n"))?.value).toBe(20);
    expect(await counters.update("n", () => undefined)).toBeUndefined();
    expect((await counters.get("n"))?.version).toBe(20);
  });

  test("a transaction reads one revision, and runs again when what it read has changed", async () => {
    const accounts = client.scope("accounts/", numbers);
    await accounts.put("a", 100);
    await accounts.put("b", 0);
    let runs = 0;
    const moved = await accounts.transact(async (transaction) => {
      const a = (await transaction.get("a"))?.value ?? 0;
      if (runs++ === 0) await accounts.put("b", 5);
      const b = (await transaction.get("b"))?.value ?? 0;
      expect(a + b).toBe(runs === 1 ? 100 : 105);
      transaction.put("a", a - 10);
      transaction.put("b", b + 10);
      transaction.delete("c");
      return b;
    });
    expect([runs, moved]).toEqual([2, 5]);
    expect((await accounts.get("b"))?.value).toBe(15);
  });

  test("a commit is made as a whole or not at all", async () => {
    const head = await client.put("a", "1");
    const { revision, results } = await client.commit((batch) =>
      batch.check(head).check({ key: "b", exists: false }).put("b", "2").delete("a").delete("none"),
    );
    expect(results).toEqual([
      { put: { key: "b", revision, version: 1 } },
      { deleted: true },
      { deleted: false },
    ]);
    const failed = client.commit((batch) => batch.check({ key: "b", revision: 0 }).put("c", "3"));
    await expect(failed).rejects.toThrow(ConflictError);
    expect(await collect(client.keys())).toEqual(["b"]);
  });

  test("listings go over many pages, in both directions, by prefix, by range and by level", async () => {
    const keys = ["a", "b/1", "b/2/x", "b/2/y", "b/3", "c", "\uffff", "😀"];
    await client.commit((batch) => {
      for (const key of keys) batch.put(key, key.toUpperCase());
    });
    expect(await collect(client.keys({}, { pageSize: 2 }))).toEqual(keys);
    expect(await collect(client.keys({}, { pageSize: 3, reverse: true }))).toEqual(keys.toReversed());
    expect((await collect(client.list({ prefix: "b/" }))).map(({ value }) => value)).toEqual(
      keys.slice(1, 5).map((key) => key.toUpperCase()),
    );
    expect(await collect(client.keys({ start: "b/2", end: "c" }))).toEqual(keys.slice(2, 5));
    expect(await collect(client.keys({ start: "b/3" }))).toEqual(keys.slice(4));
    expect(await collect(client.scope("b/").keys({ start: "2" }))).toEqual(["2/x", "2/y", "3"]);
    expect(await collect(client.keys({ key: "c" }))).toEqual(["c"]);
    expect(await collect(client.list({ key: "none" }))).toEqual([]);
    expect(await client.count({ prefix: "b/" })).toBe(4);
    expect(await client.count()).toBe(keys.length);
    expect(await collect(client.dirs())).toEqual(["a", "b/", "c", "\uffff", "😀"]);
    expect(await collect(client.dirs("b/", { pageSize: 1, reverse: true }))).toEqual(["b/3", "b/2/", "b/1"]);
  });

  test("many keys are read at one revision", async () => {
    const keys = Array.from({ length: 2500 }, (_, index) => `many/${index}`);
    for (let start = 0; start < keys.length; start += 500) {
      await client.commit((batch) => {
        for (const key of keys.slice(start, start + 500)) batch.put(key, key);
      });
    }
    const { revision, entries } = await client.getMany([...keys, "none"]);
    expect(entries.size).toBe(keys.length);
    expect(entries.get("many/2499")?.value).toBe("many/2499");
    expect(revision).toBeGreaterThanOrEqual(entries.get("many/2499")?.revision ?? Infinity);
  });

  test("reads see the past, and history is newest first", async () => {
    const first = await client.put("k", "1");
    await client.put("k", "2");
    await client.delete("k");
    expect((await client.get("k", { atRevision: first.revision }))?.value).toBe("1");
    const changes = await collect(client.history("k"));
    expect(changes.map(({ type, entry }) => [type, entry?.value])).toEqual([
      ["delete", undefined],
      ["put", "2"],
      ["put", "1"],
    ]);
  });

  test("touch renews and ends the time to live and keeps the revision", async () => {
    const head = await client.put("k", "1", { ttlMs: 60_000 });
    expect(await client.touch("k", { ttlMs: 120_000, ifRevision: head.revision })).toEqual(head);
    const entry = await client.get("k");
    expect((entry?.expireTime?.getTime() ?? 0) - (entry?.updateTime.getTime() ?? 0)).toBeGreaterThanOrEqual(
      120_000,
    );
    await client.touch("k");
    expect((await client.get("k"))?.expireTime).toBeUndefined();
  });

  test("values of a scope go through its codec, which names the key that it cannot read", async () => {
    const scope = client.scope("n/", numbers);
    await scope.put("one", 1);
    expect((await scope.get("one"))?.value).toBe(1);
    expect((await client.get("n/one"))?.value).toBe("1");
    await client.put("n/bad", '"text"');
    const error: unknown = await scope.get("bad").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CodecError);
    expect(error).toMatchObject({ key: "bad", message: 'the value of "bad": not a number' });
  });

  test("limits and bad requests are errors of their kind", async () => {
    await expect(client.put("k", "x".repeat(2 ** 20 + 1))).rejects.toThrow(LimitError);
    await expect(client.put("k\0", "x")).rejects.toMatchObject({
      code: "invalid_argument",
      reason: "KEY_INVALID",
    });
    await expect(client.get("k", { atRevision: -1 })).rejects.toThrow(DuetError);
  });

  test("status and identity have the types that programs use", async () => {
    await client.put("k", "1");
    const status = await client.status();
    expect(status.revision).toBeGreaterThan(0);
    expect(status.writable).toBe(true);
    expect(Object.values(status.limits).every((limit) => Number.isSafeInteger(limit))).toBe(true);
    expect(await client.identity()).toMatchObject({ via: "anonymous", expireTime: undefined });
  });

  test("calls and watches end when the client is disposed", async () => {
    const messages = collect(client.watch());
    await client[Symbol.asyncDispose]();
    await messages;
    await expect(client.put("k", "1")).rejects.toMatchObject({ code: "canceled" });
  });

  test("changes are watched, with what was before, until the loop is left", async () => {
    const first = await client.put("k", "1", { ttlMs: 1000 });
    await client.touch("k", { ttlMs: 1000 });
    const seen: unknown[] = [];
    for await (const message of client.watch({ prefix: "k" }, { from: first.revision, previous: true })) {
      if (message.type !== "changes") continue;
      for (const { type, entry, previous, expired } of message.changes) {
        seen.push([type, entry?.value, previous?.value, expired]);
      }
      if (seen.length === 1) await client.put("k", "2");
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([
      ["delete", undefined, "1", true],
      ["put", "2", undefined, false],
    ]);
    for await (const message of client.watch({ key: "k" }, { existing: true })) {
      expect(message.type === "reset" && message.entries.map(({ value }) => value)).toEqual(["2"]);
      break;
    }
  });
});
