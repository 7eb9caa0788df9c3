import { create, toJson } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import {
  type Event,
  Event_Type,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { until } from "../support/until.ts";
import { reasonOf, startServing } from "./serving.ts";

test("keeps no more of a request than its value", async () => {
  const { client, database } = await startServing();
  const request = new Uint8Array(1024 * 1024).fill(7);
  await client.put({ key: "key", bytesValue: request.subarray(10, 20) });
  const { value } = database.get("key") as { value: Uint8Array };
  expect(value).toEqual(new Uint8Array(10).fill(7));
  expect(value.buffer.byteLength).toBe(10);
});

test("a time to live may be the longest duration, and the entry has valid JSON", async () => {
  const { client } = await startServing();
  const controller = new AbortController();
  const messages = client.watch({ startRevision: 0n }, { signal: controller.signal })[Symbol.asyncIterator]();
  await messages.next();
  await client.put({ key: "key", ttl: { seconds: 315_576_000_000n } });
  const { value } = await messages.next();
  expect(toJson(WatchResponseSchema, value)).toMatchObject({
    events: [{ entry: { expireTime: "9999-12-31T23:59:59Z" } }],
  });
  controller.abort();
});

test("omits previous values that would make a message too large for clients", async () => {
  const { client } = await startServing();
  const keys = ["a", "b", "c", "d", "e"];
  for (const key of keys) await client.put({ key, value: "x".repeat(1024 * 1024) });
  const controller = new AbortController();
  const request = { startRevision: 5n, previous: true };
  const messages = client.watch(request, { signal: controller.signal })[Symbol.asyncIterator]();
  await messages.next();
  await client.commit({ mutations: keys.map((key) => ({ kind: { case: "delete", value: { key } } })) });
  const { value } = await messages.next();
  const { events } = value as { events: readonly Event[] };
  expect(events.map(({ previous }) => [previous?.key, previous?.value])).toEqual(
    keys.map((key) => [key, undefined]),
  );
  controller.abort();
});

test("a watch from a revision beyond all numbers is refused", async () => {
  const { client } = await startServing();
  const watch = (startRevision: bigint) => reasonOf(Array.fromAsync(client.watch({ startRevision })));
  expect(await watch(2n ** 63n - 1n)).toBe("REVISION_INVALID");
  expect(await watch(-1n)).toBe("REVISION_INVALID");
});

test("delivers the changes of one key to its watchers, with or without previous entries", async () => {
  const { client, database } = await startServing();
  const controller = new AbortController();
  const open = async (previous: boolean) => {
    const stream = client.watch({ key: "a", previous }, { signal: controller.signal });
    const messages = stream[Symbol.asyncIterator]();
    expect((await messages.next()).value).toMatchObject({ revision: 0n, resumeRevision: 0n, events: [] });
    return async () => (await messages.next()).value.events;
  };
  const [plain, withPrevious] = [await open(false), await open(true)];
  await client.put({ key: "a", value: "1" });
  await client.put({ key: "a", bytesValue: new Uint8Array([2]) });
  await client.delete({ key: "a" });
  const first = { type: Event_Type.PUT, entry: { key: "a", value: "1", revision: 1n, version: 1n } };
  const second = {
    type: Event_Type.PUT,
    entry: { bytesValue: new Uint8Array([2]), revision: 2n, version: 2n },
  };
  const third = { type: Event_Type.DELETE, entry: { key: "a", revision: 3n, version: 0n }, expired: false };
  for (const event of [first, second, third]) {
    const seen = await plain();
    expect(seen).toMatchObject([event]);
    expect(seen[0].previous).toBeUndefined();
  }
  expect((await withPrevious())[0].previous).toBeUndefined();
  expect(await withPrevious()).toMatchObject([{ ...second, previous: first.entry }]);
  expect(await withPrevious()).toMatchObject([{ ...third, previous: second.entry }]);
  controller.abort();
  await until(() => expect(database.status().watchers).toBe(0));
});

test("reports each call once, also watches that fail and those that are left", async () => {
  const { client, calls, database, service } = await startServing();
  await client.put({ key: "key" });
  await reasonOf(client.get({ key: "none" }));
  await reasonOf(Array.fromAsync(client.watch({ key: "" })));
  const context = { signal: new AbortController().signal } as HandlerContext;
  for await (const _ of service.watch(create(WatchRequestSchema), context)) break;
  expect(database.status().watchers).toBe(0);
  const messages = client.watch({})[Symbol.asyncIterator]();
  await messages.next();
  database.drain();
  expect(await reasonOf(messages.next())).toBe("SHUTTING_DOWN");
  const expected = ["put OK", `get ${Code.NotFound}`, `watch ${Code.InvalidArgument}`, "watch OK"];
  await until(() => expect(calls).toEqual([...expected, `watch ${Code.Unavailable}`]));
});

test("a read waits for the revision that it asks for", async () => {
  const { client, database } = await startServing({ revisionWaitMs: 3_600_000 });
  const reads = [
    client.get({ key: "a", minRevision: 2n }),
    client.list({ minRevision: 2n }),
    client.batchGet({ keys: ["a", "b"], minRevision: 2n }),
  ];
  await client.put({ key: "a" });
  await client.put({ key: "b" });
  expect((await Promise.all(reads)).map(({ revision }) => revision)).toEqual([2n, 2n, 2n]);
  const late = reasonOf(client.get({ key: "a", minRevision: 3n }));
  database.drain();
  expect(await late).toBe("SHUTTING_DOWN");
  expect(await reasonOf(client.get({ key: "a", minRevision: -1n }))).toBe("REVISION_INVALID");
});

test("a commit returns a result for each mutation, in order", async () => {
  const { client } = await startServing();
  await client.put({ key: "there" });
  const { revision, results } = await client.commit({
    mutations: [
      { kind: { case: "delete", value: { key: "there" } } },
      { kind: { case: "put", value: { key: "new", value: "x", ttl: { seconds: 60n } } } },
      { kind: { case: "delete", value: { key: "missing" } } },
    ],
  });
  expect(revision).toBe(2n);
  expect(results).toMatchObject([
    { deleted: true },
    { entry: { key: "new", revision: 2n, version: 1n }, deleted: false },
    { deleted: false },
  ]);
  const entry = results[1]?.entry;
  expect(entry?.value).toBeUndefined();
  expect(Number(entry?.expireTime?.seconds) - Number(entry?.updateTime?.seconds)).toBe(60);
  expect([results[0]?.entry, results[2]?.entry]).toEqual([undefined, undefined]);
});
