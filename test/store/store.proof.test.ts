import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Entry, entryBytes } from "../../src/store/entry.ts";
import { afterKey, beforeKey, type KeyRange, keyRange, prefixRange } from "../../src/store/key-range.ts";
import type { Snapshot } from "../../src/store/snapshot.ts";
import type { Store } from "../../src/store/store.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { applyNext, put, remove, touch } from "./store-model.ts";
import { stores, verify } from "./stores.ts";
import { compareUtf8, keyPart, unicodeKey } from "./unicode-keys.ts";

const everything = prefixRange("");

function keysOf(store: Store, range: KeyRange, reverse = false): string[] {
  return Array.from(store.scan(range, reverse), ({ key }) => key);
}

function scanned(snapshot: Snapshot, range: KeyRange): Entry[] {
  return [...snapshot.scan(range)].filter((entry) => entry !== undefined);
}

/** Scans in both directions and the count must agree with the keys, which are all that are in the range. */
function expectRange(store: Store, range: KeyRange, keys: readonly string[]): void {
  const ordered = keys.toSorted(compareUtf8);
  expect(keysOf(store, range)).toEqual(ordered);
  expect(keysOf(store, range, true)).toEqual(ordered.toReversed());
  expect(store.count(range)).toBe(ordered.length);
  verify(store);
}

/** Puts and deletes of one to three keys at a time. */
function writeRandomly(store: Store, random: Random, keys: readonly string[], value: string): void {
  const chosen = new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(keys)));
  const events = [...chosen].map((key) => (random.chance(0.4) ? remove(key) : put(key, value)));
  applyNext(store, ...events);
}

describe.each(stores)("%s", (_name, createStore) => {
  test(`lists prefixes and ranges like a sorted array (seed ${seed})`, () => {
    const keys = fc.uniqueArray(unicodeKey, { maxLength: 80 });
    fc.assert(
      fc.property(keys, keyPart, keyPart, keyPart, (all, prefix, start, end) => {
        const store = createStore();
        for (const key of all) applyNext(store, put(key));
        expectRange(
          store,
          prefixRange(prefix),
          all.filter((key) => key.startsWith(prefix)),
        );
        const isInRange = (key: string) =>
          compareUtf8(key, start) >= 0 && (end === "" || compareUtf8(key, end) < 0);
        expectRange(store, keyRange(start, end), all.filter(isInRange));
      }),
      { seed, numRuns: 40 * rounds },
    );
  });

  test(`goes on after and before each key of a range (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.uniqueArray(unicodeKey, { minLength: 1, maxLength: 60 }), keyPart, (all, prefix) => {
        const store = createStore();
        for (const key of all) applyNext(store, put(key));
        const range = prefixRange(prefix);
        const inRange = all.filter((key) => key.startsWith(prefix)).toSorted(compareUtf8);
        inRange.forEach((key, index) => {
          expectRange(store, afterKey(range, key), inRange.slice(index + 1));
          expectRange(store, beforeKey(range, key), inRange.slice(0, index));
        });
      }),
      { seed, numRuns: 20 * rounds },
    );
  });

  test("scans an empty store in every way", () => {
    const store = createStore();
    for (const range of [everything, prefixRange("a"), keyRange("a", "b"), keyRange("b", "a")]) {
      expectRange(store, range, []);
    }
    applyNext(store, put("a"));
    applyNext(store, remove("a"));
    for (const range of [everything, prefixRange("a"), keyRange("a", "b")]) expectRange(store, range, []);
  });

  test(`keeps snapshots exact while others write (seed ${seed})`, () => {
    const random = createRandom(seed);
    // Enough for an index of several levels, and for nodes that split and merge.
    const keys = Array.from(
      { length: 6000 },
      (_, index) => `${random.pick(["a/", "b/", "\u{1f600}/"])}${index}`,
    );
    const store = createStore();
    const kept: { snapshot: ReturnType<Store["snapshot"]>; entries: ReturnType<typeof entriesOf> }[] = [];
    const entriesOf = (prefix: string) => [...store.scan(prefixRange(prefix), false)];
    const check = ({ snapshot, entries }: (typeof kept)[number], prefix: string) => {
      expect(scanned(snapshot, prefixRange(prefix))).toEqual(entries);
      for (const entry of entries.slice(0, 100)) expect(snapshot.get(entry.key)).toEqual(entry);
    };
    for (let round = 0; round < 8 * rounds; round++) {
      // Phases of growth and of decline, so that the index splits and merges its nodes.
      for (let write = 0; write < 300; write++) writeRandomly(store, random, keys, `${round}`);
      if (round % 8 === 7) for (const key of keys) if (random.chance(0.7)) applyNext(store, remove(key));
      const prefix = random.pick(["", "a/", "\u{1f600}/"]);
      const snapshot = store.snapshot({ selects: (key) => key.startsWith(prefix) });
      const taken = { snapshot, entries: entriesOf(prefix), prefix };
      expect(snapshot.revision).toBe(store.revision);
      kept.push(taken);
      for (const each of kept) check(each, (each as typeof taken).prefix);
      if (kept.length > 5) kept.splice(random.below(kept.length), 1)[0]?.snapshot.release();
    }
    const left = keys.filter((key) => store.get(key));
    expectRange(store, everything, left);
    expectRange(
      store,
      prefixRange("a/1"),
      left.filter((key) => key.startsWith("a/1")),
    );
  });

  test("lets a snapshot be scanned while every entry changes under it", () => {
    const store = createStore();
    const keys = Array.from({ length: 2000 }, (_, index) => `key ${index}`);
    for (const key of keys) applyNext(store, put(key, "before"));
    const snapshot = store.snapshot();
    const seen: string[] = [];
    for (const entry of snapshot.scan(everything)) {
      if (entry === undefined) continue;
      const { key, value } = entry;
      expect(value).toBe("before");
      seen.push(key);
      const index = seen.length - 1;
      applyNext(store, remove(keys[index] as string), put(`new ${index}`));
      applyNext(store, put(keys[keys.length - 1 - index] as string, "after"));
    }
    expect(seen).toEqual(keys.toSorted(compareUtf8));
    snapshot.release();
  });

  test("a snapshot has its entries in the order of their revisions while every entry changes", async () => {
    const store = createStore();
    const keys = Array.from({ length: 2000 }, (_, index) => `key ${(index * 7919) % 2000}`);
    for (const key of keys) applyNext(store, put(key, "before"));
    const snapshot = store.snapshot();
    const order = await snapshot.byRevision(new AbortController().signal);
    for (const key of keys) {
      applyNext(store, remove(keys[1999 - (store.revision % 2000)] as string), put(`new ${key}`));
      expect(order.take()).toMatchObject({ key, value: "before" });
    }
    expect(order.take()).toBeUndefined();
    snapshot.release();
    verify(store);
  });

  test("a snapshot that keeps too much is ended, and told so once", () => {
    const store = createStore();
    for (let index = 0; index < 100; index++) applyNext(store, put(`key ${index}`, "x".repeat(1000)));
    let ends = 0;
    const onTooLarge = () => {
      ends++;
      snapshot.release();
    };
    const snapshot: Snapshot = store.snapshot({ keptBytesMax: 50_000, onTooLarge });
    for (let index = 0; index < 30; index++) applyNext(store, put(`key ${index}`));
    expect([ends, snapshot.get("key 1")?.value.length]).toEqual([0, 1000]);
    for (let index = 30; index < 100; index++) applyNext(store, put(`key ${index}`));
    expect(ends).toBe(1);
    verify(store);
  });

  test("returns the changes of a transaction", () => {
    const store = createStore();
    const [created] = applyNext(store, put("key", "1"));
    const entry = store.get("key");
    const nothing = { previous: undefined, expired: false, touched: false };
    expect(created).toEqual({ key: "key", entry, ...nothing, revision: 1 });
    const [replaced] = applyNext(store, put("key", "2"));
    expect(replaced).toMatchObject({ entry: { value: "2" }, previous: { value: "1" } });
    const [deleted] = applyNext(store, remove("key", true));
    expect(deleted).toMatchObject({ entry: undefined, previous: { value: "2" }, expired: true });
  });

  test("a touch changes the expire time and no more, and does not show in older snapshots", () => {
    const store = createStore();
    applyNext(store, put("key"));
    const snapshot = store.snapshot();
    const before = store.get("key");
    const changes = applyNext(store, touch("key", 50), touch("missing", 50));
    expect(changes).toMatchObject([{ previous: before, entry: { expireTime: 50 }, touched: true }]);
    expect(store.get("key")).toEqual({ ...before, expireTime: 50, bytes: entryBytes("key", "", 50) });
    expect([store.revision, store.size, store.bytes]).toEqual([
      2,
      1,
      store.bytesOf(store.get("key") as Entry),
    ]);
    expect(store.expired(50, 10)).toEqual([store.get("key")]);
    applyNext(store, touch("key", 0));
    expect(store.expired(50, 10)).toEqual([]);
    expect(snapshot.get("key")).toEqual(before);
  });

  test("refuses a transaction that is not later than the last", () => {
    const store = createStore();
    applyNext(store, put("key"));
    expect(() => store.apply({ sequence: 1, time: 2, events: [put("key")] })).toThrow(
      "cannot be applied to a store at revision 1",
    );
  });

  test(`counts entries and bytes, and finds what has expired, oldest first (seed ${seed})`, () => {
    const random = createRandom(seed);
    const store = createStore();
    const model = new Map<string, { value: string; expireTime: number }>();
    for (let write = 0; write < 3000; write++) {
      const key = `key ${random.below(200)}`;
      const value = "é".repeat(random.below(20));
      const expireTime = random.chance(0.4) ? 0 : 1 + random.below(100);
      if (random.chance(0.3)) {
        applyNext(store, remove(key));
        model.delete(key);
      } else {
        applyNext(store, put(key, value, expireTime));
        model.set(key, { value, expireTime });
      }
      if (write % 100 !== 0) continue;
      verify(store);
      expect(store.size).toBe(model.size);
      const bytes = [...store.scan(everything, false)].map((entry) => store.bytesOf(entry));
      expect(store.bytes).toBe(bytes.reduce((sum, each) => sum + each, 0));
      const now = random.below(100);
      const expired = store.expired(now, 1000);
      const due = [...model].filter(([, entry]) => entry.expireTime !== 0 && entry.expireTime <= now);
      expect(expired.map((entry) => entry.key).toSorted()).toEqual(due.map(([each]) => each).toSorted());
      const times = expired.map((entry) => entry.expireTime);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(store.expired(now, 3)).toEqual(expired.slice(0, 3));
    }
  });
});
