import { expect, test } from "vitest";
import { keyvStore } from "../../clients/typescript/src/keyv.ts";
import { DuetLevel } from "../../clients/typescript/src/level.ts";
import { memory } from "../../clients/typescript/src/memory.ts";
import { unstorageDriver } from "../../clients/typescript/src/unstorage.ts";
import { collectUncaughtErrors } from "../support/uncaught-errors.ts";
import { until } from "../support/until.ts";
import { failure, open } from "./fake-transport.ts";

// What the suites of others, in test/foreign, leave out.

test("a store for Keyv clears its namespace alone, also when it has more keys than a commit takes", async () => {
  const client = memory();
  const store = keyvStore(client);
  for (const namespace of ["a", "b"]) {
    for (let start = 0; start < 1200; start += 600) {
      const entries = Array.from({ length: 600 }, (_, index) => ({
        key: `${namespace}:${start + index}`,
        value: "x",
      }));
      expect(await store.setMany(entries)).toHaveLength(600);
    }
  }
  store.namespace = "a";
  await store.clear();
  expect(await client.count()).toBe(1200);
  expect(await client.count({ prefix: "b:" })).toBe(1200);
  expect(await Array.fromAsync(store.iterator("b"))).toHaveLength(1200);
});

test("a store for Keyv answers for many keys, repeated ones too", async () => {
  const store = keyvStore(memory());
  await store.setMany([
    { key: "k", value: "1" },
    { key: "k", value: "2", ttl: 10 },
  ]);
  expect(await store.getMany(["k", "none", "k"])).toEqual(["2", undefined, "2"]);
  expect(await store.hasMany(["k", "none"])).toEqual([true, false]);
  expect(await store.deleteMany(["k", "none"])).toBe(false);
  await store.set("k", "3");
  expect(await store.deleteMany(["k", "k"])).toBe(true);
});

test("stores need no commit for nothing", async () => {
  const client = open({ unary: async () => Promise.reject(failure("invalid_argument")) });
  const store = keyvStore(client);
  expect([await store.setMany([]), await store.deleteMany([])]).toEqual([[], true]);
  await unstorageDriver(client).setItems([]);
});

test("keys are deleted in commits that the service takes", async () => {
  const client = memory();
  const commit = client.commit.bind(client);
  const commits: number[] = [];
  client.commit = (build, options) => {
    let count = 0;
    build({ delete: () => void count++ } as never);
    commits.push(count);
    if (count > 100) return Promise.reject(failure("invalid_argument", { reason: "TOO_MANY_OPERATIONS" }));
    return commit(build, options);
  };
  const entries = Array.from({ length: 150 }, (_, index) => ({ key: `k${index}`, value: "x" }));
  await Promise.all(entries.map(({ key, value }) => client.put(key, value)));
  await keyvStore(client).clear();
  expect(await client.count()).toBe(0);
  expect(commits).toEqual([150, 75, 75]);
});

test("a driver for unstorage reports what ends its watch, and outlives listeners that throw", async () => {
  const thrown = collectUncaughtErrors();
  const client = open({
    async *stream() {
      yield { revision: "1", resumeRevision: "1" };
      for (const at of ["2", "3"]) {
        const entry = { key: `k${at}`, value: "", revision: at, version: "1" };
        yield { revision: at, resumeRevision: at, events: [{ type: "PUT", entry }] };
      }
      throw failure("permission_denied", { reason: "RIGHT_MISSING" });
    },
  });
  const errors: unknown[] = [];
  const driver = unstorageDriver(client, { onError: (error) => errors.push(error) });
  const seen: string[] = [];
  await driver.watch((_event, key) => {
    seen.push(key);
    throw new Error("listener");
  });
  await until(() => errors.length === 1 && thrown.length === 2);
  expect(errors[0]).toMatchObject({ reason: "RIGHT_MISSING" });
  expect(seen).toEqual(["k2", "k3"]);
});

test("a driver for unstorage has items, raw bytes, times to live and changes", async () => {
  const client = memory();
  const driver = unstorageDriver(client);
  const changes: string[] = [];
  const stop = await driver.watch((event, key) => changes.push(`${event} ${key}`));
  await driver.setItem("a:1", "one", { ttl: 60 });
  await driver.setItemRaw("a:2", Uint8Array.of(0, 255));
  await driver.setItems([
    { key: "b", value: "old" },
    { key: "b", value: "new" },
  ]);
  expect(await driver.getMeta("a:1")).toMatchObject({ ttl: 60, revision: 1 });
  expect(await driver.getMeta("none")).toBeNull();
  expect(await driver.getItemRaw("a:2")).toEqual(Uint8Array.of(0, 255));
  expect(await driver.getItems([{ key: "b" }, { key: "none" }])).toEqual([
    { key: "b", value: "new" },
    { key: "none", value: null },
  ]);
  await driver.clear("a:");
  expect(await driver.getKeys("")).toEqual(["b"]);
  await until(() => changes.length === 5);
  expect(changes.slice(0, 3)).toEqual(["update a:1", "update a:2", "update b"]);
  expect(changes.slice(3).toSorted()).toEqual(["remove a:1", "remove a:2"]);
  await stop();
});

test("a Level database has batches, ranges in both directions, seeks and sublevels", async () => {
  const client = memory();
  const level = new DuetLevel<string, number>(client.scope("level/"), { valueEncoding: "json" });
  await level.batch(["a", "b", "c", "ü"].map((key, value) => ({ type: "put", key, value })));
  await level.batch([
    { type: "put", key: "d", value: 9 },
    { type: "del", key: "d" },
  ]);
  expect(await level.iterator({ gt: "a", lte: "c" }).all()).toEqual([
    ["b", 1],
    ["c", 2],
  ]);
  expect(await level.keys({ reverse: true, limit: 2 }).all()).toEqual(["ü", "c"]);
  expect(await level.keys({ lt: "" }).all()).toEqual([]);
  const iterator = level.iterator();
  expect(await iterator.next()).toEqual(["a", 0]);
  iterator.seek("c");
  expect(await iterator.next()).toEqual(["c", 2]);
  await iterator.close();
  await level.sublevel("s").put("k", "v");
  await level.clear({ gte: "b", limit: 2 });
  expect(await Array.fromAsync(client.keys())).toEqual(["level/!s!k", "level/a", "level/ü"]);
  expect(await level.getMany(["a", "b"])).toEqual([0, undefined]);
  await level.close();
});
