import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DuetError } from "../../../src/errors.ts";
import { defaultLimits, type Limits } from "../../../src/limits.ts";
import { createChangeSet } from "../../../src/store/change-set.ts";
import { History } from "../../../src/store/history.ts";
import { MapSnapshot } from "../../../src/store/map-snapshot.ts";
import { MapStore } from "../../../src/store/map-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { WatchHub, type WatchOptions } from "../../../src/store/watch/hub.ts";
import { type Selector, unite } from "../../../src/store/watch/selector.ts";
import type { WatchMessage } from "../../../src/store/watch/watch.ts";
import type { TransactionEvent } from "../../../src/transaction-log/transaction-logger.ts";
import { put, remove, touch } from "../store-model.ts";

let store: Store;
let history: History;
let hub: WatchHub;

function open(limits: Partial<Limits> = {}, heartbeatMs = 3_600_000): void {
  store = new MapStore();
  history = new History({ ...defaultLimits, ...limits }, 0);
  hub = new WatchHub(store, history, { ...defaultLimits, ...limits }, heartbeatMs);
}

beforeEach(() => open());
afterEach(() => {
  expect(hub.watchers, "nobody stays behind").toBe(0);
  hub.close();
});

function write(...events: TransactionEvent[]): void {
  const changes = store.apply({ sequence: store.revision + 1, time: 1, events });
  store.publish();
  const set = createChangeSet(store.revision, 1, changes);
  history.add(set);
  hub.publish(set);
}

interface Watcher {
  next(): Promise<WatchMessage>;
  /** Revision and keys of each of the next messages. */
  nextKeys(count: number): Promise<unknown[]>;
  /** The error that ends the watch. */
  failure(): Promise<DuetError>;
  leave(): Promise<void>;
}

function watch(
  selector: Selector,
  options: Partial<WatchOptions> = {},
  signal = new AbortController().signal,
): Watcher {
  const messages = hub.watch(
    { selector, startRevision: undefined, includeExisting: false, previous: true, ...options },
    signal,
  );
  const next = async () => (await messages.next()).value as WatchMessage;
  return {
    next,
    async nextKeys(count) {
      const seen: unknown[] = [];
      while (seen.length < count) {
        const { revision, set } = await next();
        seen.push([revision, ...(set?.changes ?? []).map(({ key }) => key)]);
      }
      return seen;
    },
    async failure() {
      for (;;) {
        const result = await messages.next().catch((error: unknown) => error as DuetError);
        if (result instanceof DuetError) return result;
        if (result.done === true) expect.fail("the watch ended quietly");
      }
    },
    async leave() {
      await messages.return();
    },
  };
}

/** Events in a watch of everything. */
const everything: Selector = { prefix: "" };

test("says at once where it begins", async () => {
  write(put("a"));
  const watcher = watch(everything);
  expect(await watcher.next()).toEqual({ revision: 1, resumeRevision: 1 });
  write(put("b"));
  expect(await watcher.nextKeys(1)).toEqual([[2, "b"]]);
  await watcher.leave();
});

test("delivers the past after a revision, then live changes", async () => {
  for (const key of ["a", "b", "a", "b"]) write(put(key));
  const watcher = watch({ key: "a" }, { startRevision: 1 });
  expect(await watcher.next()).toEqual({ revision: 4, resumeRevision: 1 });
  expect(await watcher.nextKeys(1)).toEqual([[3, "a"]]);
  write(put("a"), put("b"));
  expect(await watcher.nextKeys(1)).toEqual([[5, "a"]]);
  await watcher.leave();
});

test("has no event of a touch, now and from the past", async () => {
  write(put("a"), put("b"));
  const now = watch(everything);
  await now.next();
  write(touch("a", 1000));
  write(touch("a", 2000), put("b"));
  const past = watch(everything, { startRevision: 0 });
  await past.next();
  expect(await now.nextKeys(1)).toEqual([[3, "b"]]);
  expect(await past.nextKeys(2)).toEqual([
    [1, "a", "b"],
    [3, "b"],
  ]);
  await Promise.all([now, past].map((watcher) => watcher.leave()));
});

test("waits for a revision that is still to come", async () => {
  write(put("a"));
  const watcher = watch(everything, { startRevision: 3 });
  expect(await watcher.next()).toEqual({ revision: 1, resumeRevision: 3 });
  for (const key of ["b", "c", "d", "e"]) write(put(key));
  expect(await watcher.nextKeys(2)).toEqual([
    [4, "d"],
    [5, "e"],
  ]);
  await watcher.leave();
});

test("never splits a transaction, and omits changes that do not match", async () => {
  const watcher = watch({ prefix: "a/" });
  await watcher.next();
  write(put("a/1"), put("b/1"), remove("a/2"), put("a/3"));
  write(put("b/2"));
  write(put("a/4"));
  expect(await watcher.nextKeys(2)).toEqual([
    [1, "a/1", "a/2", "a/3"],
    [3, "a/4"],
  ]);
  await watcher.leave();
});

test("refuses to begin before the history, and says how far it goes back", async () => {
  open({ watchHistoryEventsMax: 3 });
  for (let count = 0; count < 10; count++) write(put("key"));
  const { reason, metadata } = await watch(everything, { startRevision: 6 }).failure();
  expect([reason, metadata]).toEqual(["REVISION_COMPACTED", { oldest_revision: "7" }]);
  const watcher = watch(everything, { startRevision: 7 });
  await watcher.next();
  expect(await watcher.nextKeys(3)).toEqual([8, 9, 10].map((revision) => [revision, "key"]));
  await watcher.leave();
});

test("cuts off a reader of the past that the history has overtaken", async () => {
  open({ watchHistoryEventsMax: 3 });
  for (let count = 0; count < 3; count++) write(put("key"));
  const watcher = watch(everything, { startRevision: 0 });
  await watcher.next();
  expect(await watcher.nextKeys(1)).toEqual([[1, "key"]]);
  for (let count = 0; count < 4; count++) write(put("key"));
  const { reason, metadata } = await watcher.failure();
  expect([reason, metadata]).toEqual(["WATCHER_TOO_SLOW", { last_revision: "1" }]);
});

test("delivers existing entries in pages, and every later change, without a gap", async () => {
  open({ pageEntriesMax: 2 });
  for (const key of ["a/1", "a/2", "a/3", "b"]) write(put(key, "old"));
  const watcher = watch({ prefix: "a/" }, { includeExisting: true });
  expect(await watcher.next()).toEqual({ revision: 4 });
  write(put("a/3", "new"), remove("a/1"), put("a/0"));
  const first = await watcher.next();
  write(remove("a/2"));
  const second = await watcher.next();
  expect(first).toMatchObject({ revision: 4, existing: [{ key: "a/1" }, { key: "a/2" }] });
  expect(second).toMatchObject({ revision: 4, existing: [{ key: "a/3", value: "old" }] });
  expect([first.resumeRevision, second.resumeRevision]).toEqual([undefined, undefined]);
  expect(await watcher.next()).toEqual({ revision: 4, resumeRevision: 4, existingEnd: true });
  expect(await watcher.nextKeys(2)).toEqual([
    [5, "a/3", "a/1", "a/0"],
    [6, "a/2"],
  ]);
  await watcher.leave();
});

test("cuts existing entries into pages by their bytes", async () => {
  open({ pageBytesMax: 3000 });
  for (let key = 0; key < 5; key++) write(put(`${key}`, "x".repeat(1000)));
  const watcher = watch(everything, { includeExisting: true });
  await watcher.next();
  const pages: (number | undefined)[] = [];
  for (let message = await watcher.next(); !message.existingEnd; message = await watcher.next()) {
    pages.push(message.existing?.length);
  }
  expect(pages).toEqual([2, 2, 1]);
  await watcher.leave();
});

test("moves the revision to resume from with every heartbeat", async () => {
  open({}, 1);
  const watcher = watch({ key: "quiet" });
  expect(await watcher.next()).toEqual({ revision: 0, resumeRevision: 0 });
  write(put("a"));
  write(put("b"));
  expect(await watcher.next()).toEqual({ revision: 2, resumeRevision: 2 });
  expect(await watcher.next()).toEqual({ revision: 2, resumeRevision: 2 });
  await watcher.leave();
});

test("does not report a future revision as reached in a heartbeat", async () => {
  open({}, 1);
  const watcher = watch(everything, { startRevision: 5 });
  await watcher.next();
  expect(await watcher.next()).toEqual({ revision: 0, resumeRevision: 5 });
  await watcher.leave();
});

test("ends the watch of a slow reader with its last revision; others get everything", async () => {
  open({ watchQueueBytesMax: 10_000 });
  const slow = watch(everything);
  const fast = watch(everything);
  await Promise.all([slow.next(), fast.next()]);
  write(put("0"));
  expect(await slow.nextKeys(1)).toEqual([[1, "0"]]);
  const received = fast.nextKeys(31);
  for (let count = 1; count <= 30; count++) {
    write(put(`${count}`, "x".repeat(1000)));
    await turn();
  }
  expect(await received).toEqual(Array.from({ length: 31 }, (_, index) => [index + 1, `${index}`]));
  const { reason, metadata } = await slow.failure();
  expect([reason, metadata]).toEqual(["WATCHER_TOO_SLOW", { last_revision: "1" }]);
  await fast.leave();
});

test("does not call a reader slow that had no turn to read", async () => {
  open({ watchQueueBytesMax: 10_000 });
  const watcher = watch(everything);
  await watcher.next();
  // One batch of the committer, which is applied in one go: large values give way to small ones.
  write(...Array.from({ length: 100 }, (_, index) => put(`${index}`, "x".repeat(1000))));
  const received = watcher.nextKeys(101);
  await turn();
  for (let index = 0; index < 100; index++) write(remove(`${index}`));
  expect(await received).toHaveLength(101);
  await watcher.leave();
});

test("delivers a single transaction that is larger than the bound", async () => {
  open({ watchQueueBytesMax: 1000 });
  const watcher = watch(everything);
  await watcher.next();
  write(put("key", "x".repeat(10_000)));
  await turn();
  await turn();
  expect(await watcher.nextKeys(1)).toEqual([[1, "key"]]);
  await watcher.leave();
});

test("cuts off a reader that stops among the existing entries", async () => {
  open({ watchQueueBytesMax: 10_000, pageEntriesMax: 1 });
  write(put("a"), put("b"));
  const watcher = watch(everything, { includeExisting: true });
  await watcher.next();
  await watcher.next();
  for (let count = 0; count < 20; count++) write(put("c", "x".repeat(1000)));
  await turn();
  await turn();
  const { reason, metadata } = await watcher.failure();
  // Nothing can be resumed from: it does not have all entries.
  expect([reason, metadata]).toEqual(["WATCHER_TOO_SLOW", { last_revision: "0" }]);
});

test("cuts off a reader among the existing entries for values that are too large to wait in its queue", async () => {
  open({ watchQueueBytesMax: 4_500_000, pageEntriesMax: 1 });
  const keys = ["a", "b", "c", "d", "e"];
  for (const key of keys) write(put(key, "x".repeat(1_000_000)));
  const watcher = watch(everything, { includeExisting: true, previous: false });
  await watcher.next();
  // The set that waits has no values, but the snapshot still needs them.
  write(...keys.map((key) => remove(key)));
  expect((await watcher.failure()).reason).toBe("WATCHER_TOO_SLOW");
});

test("cuts off a reader among the existing entries that are touched, of which nothing waits", async () => {
  open({ watchQueueBytesMax: 10_000, pageEntriesMax: 1 });
  for (let key = 0; key < 100; key++) write(put(`${key}`));
  const watcher = watch(everything, { includeExisting: true });
  await watcher.next();
  for (let key = 0; key < 100; key++) write(touch(`${key}`, 1000));
  expect((await watcher.failure()).reason).toBe("WATCHER_TOO_SLOW");
});

test("counts what the snapshots of all watches keep, each entry once, and cuts off those that keep most", async () => {
  open({ watchQueuesBytesMax: 6_000_000, pageEntriesMax: 1 });
  const keys = Array.from({ length: 5 }, (_, index) => `big/${index}`);
  for (const key of keys) write(put(key, "x".repeat(1_000_000)));
  write(put("small"));
  const begin = (prefix: string) => watch({ prefix }, { includeExisting: true, previous: false });
  const [small, ...big] = ["small", "big/", "big/", "big/"].map(begin) as [Watcher, ...Watcher[]];
  for (const watcher of [small, ...big]) await watcher.next();
  const before = hub.queueBytes;
  // The sets that wait have no values.
  write(...keys.map((key) => remove(key)), remove("small"));
  expect(hub.queueBytes - before).toBeGreaterThan(5_000_000);
  expect(hub.queueBytes - before).toBeLessThan(6_000_000);
  for (let key = 0; key < 10; key++) write(put(`other/${key}`, "x".repeat(100_000)));
  await turn();
  expect(hub.watchers, "within the limit, and nobody is cut off").toBe(4);
  write(put("huge/0", "x".repeat(1_000_000)));
  const late = watch({ prefix: "huge/" }, { includeExisting: true, previous: false });
  await late.next();
  write(remove("huge/0"));
  await turn();
  await turn();
  expect(hub.queueBytes).toBeLessThan(2_000_000);
  for (const watcher of big) expect((await watcher.failure()).reason).toBe("WATCHER_TOO_SLOW");
  await Promise.all([small, late].map((watcher) => watcher.leave()));
  expect(hub.queueBytes).toBe(0);
});

test("a touch keeps the value that the store has anyway, until that is overwritten", async () => {
  open({ watchQueueBytesMax: 100_000, pageEntriesMax: 1 });
  const keys = Array.from({ length: 50 }, (_, index) => `key/${index}`);
  for (const key of keys) write(put(key, "x".repeat(10_000)));
  const watcher = watch(everything, { includeExisting: true, previous: false });
  await watcher.next();
  for (const key of keys) write(touch(key, 1000), touch(key, 2000));
  expect(hub.watchers).toBe(1);
  for (const key of keys.slice(0, 20)) write(put(key));
  expect((await watcher.failure()).reason).toBe("WATCHER_TOO_SLOW");
});

test("a watch with existing entries is refused when a thousand have yet to read theirs", async () => {
  write(put("a"));
  const waiting = Array.from({ length: 1000 }, () => watch({ key: "a" }, { includeExisting: true }));
  for (const watcher of waiting) await watcher.next();
  const refused = watch({ key: "a" }, { includeExisting: true });
  await expect(refused.next()).rejects.toMatchObject({ reason: "OVERLOADED" });
  const first = waiting[0] as Watcher;
  while ((await first.next()).existingEnd !== true);
  const accepted = watch({ key: "a" }, { includeExisting: true });
  await accepted.next();
  await expect(watch({ key: "a" }, { includeExisting: true }).next()).rejects.toMatchObject({
    reason: "OVERLOADED",
  });
  await Promise.all([...waiting, accepted].map((watcher) => watcher.leave()));
});

test("delivers existing entries among many newer keys", async () => {
  for (const key of ["a", "z"]) write(put(key, "old"));
  const watcher = watch(everything, { includeExisting: true });
  await watcher.next();
  for (let key = 0; key < 1000; key++) write(put(`b${key}`));
  write(remove("z"));
  let turns = 0;
  let done = false;
  const count = () => {
    turns++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  const existing = await watcher.next();
  done = true;
  // Others have their turn between the slices of keys.
  expect(turns).toBeGreaterThan(10);
  expect(existing.existing?.map(({ key, value }) => [key, value])).toEqual([
    ["a", "old"],
    ["z", "old"],
  ]);
  await watcher.leave();
});

test("delivers no existing entries after the watch has ended", async () => {
  for (const key of ["a", "b"]) write(put(key));
  const controller = new AbortController();
  const canceled = hub.watch(
    { selector: everything, startRevision: undefined, includeExisting: true, previous: false },
    controller.signal,
  );
  const closed = watch(everything, { includeExisting: true });
  await Promise.all([canceled.next(), closed.next()]);
  controller.abort();
  hub.close();
  write(remove("a"), put("b", "later"));
  expect(await Array.fromAsync(canceled)).toEqual([]);
  await expect(closed.next()).rejects.toMatchObject({
    reason: "SHUTTING_DOWN",
    metadata: { last_revision: "0" },
  });
});

test("ends every watch at shutdown with the revision to resume from", async () => {
  const waiting = watch(everything);
  const behind = watch(everything, { startRevision: 0 });
  const existing = watch(everything, { includeExisting: true });
  write(put("a"));
  write(put("b"));
  await Promise.all([waiting.next(), behind.next(), existing.next()]);
  expect(await behind.nextKeys(1)).toEqual([[1, "a"]]);
  const end = waiting.failure();
  hub.close();
  const failures = await Promise.all([end, behind.failure(), existing.failure()]);
  expect(failures.map(({ reason }) => reason)).toEqual(Array(3).fill("SHUTTING_DOWN"));
  expect(failures.map(({ metadata }) => metadata["last_revision"])).toEqual(["2", "1", "0"]);
  const late = watch(everything);
  expect(await late.next()).toEqual({ revision: 2, resumeRevision: 2 });
  expect((await late.failure()).reason).toBe("SHUTTING_DOWN");
});

test("ends a watch whose signal names a reason with the revision to resume from", async () => {
  const controller = new AbortController();
  const options = {
    selector: everything,
    startRevision: undefined,
    includeExisting: false,
    previous: false,
  };
  const messages = hub.watch(options, controller.signal);
  await messages.next();
  write(put("a"));
  await messages.next();
  write(put("b"));
  controller.abort(new DuetError("CONNECTION_AGED", "the connection is old"));
  await expect(messages.next()).rejects.toMatchObject({
    reason: "CONNECTION_AGED",
    metadata: { last_revision: "1" },
  });
});

test("ends without an error when it is canceled, in every state", async () => {
  for (let count = 0; count < 10; count++) write(put(`${count}`));
  for (const options of [{}, { startRevision: 0 }, { startRevision: 99 }, { includeExisting: true }]) {
    for (const read of [0, 1, 2]) {
      const controller = new AbortController();
      const selector = everything;
      const messages = hub.watch(
        { selector, startRevision: undefined, includeExisting: false, previous: true, ...options },
        controller.signal,
      );
      for (let count = 0; count < read; count++) {
        const isQuiet = count === 1 && !("includeExisting" in options) && options.startRevision !== 0;
        if (!isQuiet) await messages.next();
      }
      const rest = Array.fromAsync(messages);
      controller.abort();
      expect((await rest).length).toBeLessThan(12);
      expect(hub.watchers).toBe(0);
    }
  }
});

test("a canceled watch without a reader uses no memory", async () => {
  write(put("a"));
  const controller = new AbortController();
  const watcher = watch(everything, { includeExisting: true }, controller.signal);
  await watcher.next();
  const keep = vi.spyOn(MapSnapshot.prototype, "keep");
  write(put("a"));
  expect(keep).toHaveBeenCalledTimes(1);
  expect(hub.queueBytes).toBeGreaterThan(0);
  controller.abort();
  write(put("a"));
  expect(keep).toHaveBeenCalledTimes(1);
  expect([hub.watchers, hub.queueBytes]).toEqual([0, 0]);
  keep.mockRestore();
});

test("a watch that begins canceled uses no memory", async () => {
  write(put("a"));
  expect(
    await Array.fromAsync(
      hub.watch(
        { selector: everything, startRevision: undefined, includeExisting: true, previous: false },
        AbortSignal.abort(),
      ),
    ),
  ).toHaveLength(1);
  const keep = vi.spyOn(MapSnapshot.prototype, "keep");
  write(put("a"));
  expect(keep).not.toHaveBeenCalled();
  expect([hub.watchers, hub.queueBytes]).toEqual([0, 0]);
  keep.mockRestore();
});

test("a thousand watchers of one key and a thousand of different prefixes each get exactly theirs", async () => {
  const ofKey = Array.from({ length: 1000 }, () => watch({ key: "17/x" }));
  const ofPrefix = Array.from({ length: 1000 }, (_, index) => watch({ prefix: `${index}/` }));
  await Promise.all([...ofKey, ...ofPrefix].map((watcher) => watcher.next()));
  expect(hub.watchers).toBe(2000);
  for (let index = 0; index < 1000; index++) write(put(`${index}/x`), put(`${(index + 1) % 1000}/y`));
  write(put("17/x"));

  const messages = await Promise.all(ofKey.map((watcher) => watcher.nextKeys(2)));
  for (const seen of messages) expect(seen).toEqual([18, 1001].map((revision) => [revision, "17/x"]));
  await Promise.all(
    ofPrefix.map(async (watcher, index) => {
      // Two transactions, in the order in which they came.
      const events = [
        [index === 0 ? 1000 : index, `${index}/y`],
        [index + 1, `${index}/x`],
      ].toSorted(([a], [b]) => Number(a) - Number(b));
      expect(await watcher.nextKeys(2)).toEqual(events);
      if (index === 17) expect(await watcher.nextKeys(1)).toEqual([[1001, "17/x"]]);
    }),
  );
  await Promise.all([...ofKey, ...ofPrefix].map((watcher) => watcher.leave()));
});

test("watchers of the same get the same object, so that it is encoded once", async () => {
  const watchers = [watch({ prefix: "a" }), watch({ prefix: "a" })];
  for (const watcher of watchers) await watcher.next();
  write(put("a"), put("b"));
  const [first, second] = await Promise.all(watchers.map((watcher) => watcher.next()));
  expect(first?.set).toBe(second?.set);
  for (const watcher of watchers) await watcher.leave();
});

test("cuts off the watcher with the most waiting when all together have too much", async () => {
  open({ watchQueuesBytesMax: 50_000 });
  const slow = watch({ prefix: "a" });
  const slowest = watch(everything);
  const quick = watch(everything);
  await Promise.all([slow, slowest, quick].map((watcher) => watcher.next()));
  for (let count = 0; count < 4; count++) {
    write(put("a", "x".repeat(5000)), put("b", "x".repeat(5000)));
    await quick.next();
    await turn();
  }
  // What is the same for many is in memory once: 40,000 bytes for the slowest, 20,000 for the other.
  expect((await slowest.failure()).reason).toBe("WATCHER_TOO_SLOW");
  expect(await slow.nextKeys(4)).toHaveLength(4);
  expect(hub.watchers).toBe(2);
  await Promise.all([slow, quick].map((watcher) => watcher.leave()));
});

test("refuses a watch when the keys of all watches take too much, until another one ends", async () => {
  open({ watchQueuesBytesMax: 100_000 });
  const many = (name: string) =>
    unite(
      Array.from({ length: 70 }, (_, index) => `${name} ${index}`),
      [],
    );
  const watchers = [watch(many("a")), watch(many("b"))];
  for (const watcher of watchers) await watcher.next();
  expect(await watch(many("c")).failure()).toMatchObject({
    reason: "OVERLOADED",
    message: expect.stringContaining("--watch-queues-bytes-max"),
  });
  expect(hub.watchers).toBe(2);
  await watchers[0]?.leave();
  const next = watch(many("c"));
  await next.next();
  // The keys leave half of the bound to what waits.
  write(put("c 1", "x".repeat(40_000)));
  await turn();
  expect(await next.nextKeys(1)).toHaveLength(1);
  await Promise.all([watchers[1]?.leave(), next.leave()]);
});

test("counts the keys of watches towards the limit of all watch queues", async () => {
  open({ watchQueuesBytesMax: 100_000 });
  const watchers = [
    watch(
      unite(
        Array.from({ length: 100 }, (_, index) => `${index}`),
        [],
      ),
    ),
    watch(everything),
  ];
  for (const watcher of watchers) await watcher.next();
  for (const key of ["a", "b"]) write(put(key, "x".repeat(40_000)));
  await turn();
  expect((await watchers[1]?.failure())?.reason).toBe("WATCHER_TOO_SLOW");
  await watchers[0]?.leave();
});

test("counts the places of what waits in the queue of each watcher", async () => {
  open({ watchQueuesBytesMax: 200_000 });
  const watchers = Array.from({ length: 200 }, () => watch(everything));
  await Promise.all(watchers.map((watcher) => watcher.next()));
  for (let count = 0; count < 60; count++) write(put("a"));
  await turn();
  expect(hub.watchers).toBeLessThan(180);
  expect(hub.watchers).toBeGreaterThan(80);
  await Promise.all(watchers.map((watcher) => watcher.leave()));
});

test("a change set that waits for many watchers counts once", async () => {
  open({ watchQueuesBytesMax: 50_000 });
  const watchers = Array.from({ length: 20 }, () => watch(everything));
  await Promise.all(watchers.map((watcher) => watcher.next()));
  for (let count = 0; count < 4; count++) write(put("a", "x".repeat(5000)));
  await turn();
  expect(hub.watchers).toBe(20);
  for (const watcher of watchers) {
    expect(await watcher.nextKeys(4)).toHaveLength(4);
    await watcher.leave();
  }
});

test("entries that are gone wait only for watchers that want them", async () => {
  open({ watchQueueBytesMax: 50_000 });
  for (let count = 0; count < 20; count++) write(put(`${count}`, "x".repeat(5000)));
  const withPrevious = watch(everything, { previous: true });
  const without = watch(everything, { previous: false });
  await Promise.all([withPrevious, without].map((watcher) => watcher.next()));
  for (let count = 0; count < 20; count++) write(remove(`${count}`));
  await turn();
  expect((await withPrevious.failure()).reason).toBe("WATCHER_TOO_SLOW");
  expect(await without.nextKeys(20)).toHaveLength(20);
  await without.leave();
});

test("the values before a transaction are left out when all of it is more than 4 MiB", async () => {
  open();
  const watcher = watch(everything, { previous: true });
  await watcher.next();
  for (const key of ["a", "b", "c", "d", "e"]) write(put(key, "x".repeat(1_000_000)));
  write(...["a", "b", "c", "d", "e"].map((key) => remove(key)));
  write(put("f", "y"));
  write(remove("f"));
  await watcher.nextKeys(5);
  const [large, , small] = [await watcher.next(), await watcher.next(), await watcher.next()];
  expect(large.set?.previousValues).toBe(false);
  expect(large.set?.changes.map(({ previous }) => previous?.value)).toEqual(Array(5).fill(""));
  expect(large.set?.bytes).toBeLessThan(5000);
  expect([small.set?.previousValues, small.set?.changes[0]?.previous?.value]).toEqual([true, "y"]);
  await watcher.leave();
});
