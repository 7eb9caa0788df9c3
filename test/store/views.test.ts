import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry, EntryView } from "../../src/store/entry.ts";
import { reserveSlabs } from "../../src/store/memory/slabs.ts";
import type { Store } from "../../src/store/store.ts";
import { Tree } from "../../src/store/tree/tree.ts";
import { TreeStore } from "../../src/store/tree-store.ts";
import type { Value } from "../../src/transaction-log/transaction-logger.ts";
import { rounds, seed } from "../support/random.ts";
import { applyNext, put, remove, touch } from "./store-model.ts";
import { stores, verify } from "./stores.ts";
import { unicodeKey } from "./unicode-keys.ts";

const text = fc.oneof(unicodeKey, fc.string({ unit: "grapheme", maxLength: 300 }), fc.constant(""));
const value = fc.oneof<fc.Arbitrary<Value>[]>(text, fc.uint8Array({ maxLength: 300 }));
const expireTime = fc.constantFrom(0, 1, 2 ** 41 + 1);

/** All that a view has, with the value as it would be sent. */
function contentOf(view: EntryView | undefined): unknown {
  if (view === undefined) return undefined;
  const { key, revision, createRevision, version, updateTime, bytes } = view;
  const head = { key, revision, createRevision, version, updateTime, bytes, expireTime: view.expireTime };
  if (!("encodedValue" in view)) return { ...head, value: view.value, sent: Buffer.from(view.value) };
  const { buffer, start, end } = view.encodedValue;
  expect(view.isText).toBe(typeof view.value === "string");
  return { ...head, value: view.value, sent: Buffer.from(buffer.subarray(start, end)) };
}

describe.each(stores)("%s", (_name, createStore) => {
  test(`a view has what the entry has (seed ${seed})`, () => {
    fc.assert(
      fc.property(unicodeKey, value, expireTime, expireTime, (key, content, expires, touched) => {
        const store = createStore();
        applyNext(store, put("another", "value"), put(key, content, expires));
        applyNext(store, touch(key, touched));
        const entry = store.get(key);
        expect(entry?.value).toEqual(content);
        expect(contentOf(store.view(key))).toEqual({ ...entry, sent: Buffer.from(content) });
        applyNext(store, remove(key));
        expect(store.view(key)).toBeUndefined();
        verify(store);
      }),
      { seed, numRuns: 50 * rounds },
    );
  });
});

/** Writes so much that the memory of what was overwritten is used again, if it is free. */
function overwrite(store: Store, key: string): void {
  for (let time = 0; time < 500; time++) {
    applyNext(store, put(key, `later ${time}`));
    store.publish();
  }
}

test("a view stays readable until the turn ends, and then fails", async () => {
  const store = new TreeStore(reserveSlabs(1));
  applyNext(store, put("key", "before"));
  const view = store.view("key") as EntryView;
  overwrite(store, "key");
  await Promise.resolve();
  expect([view.value, view.revision, contentOf(view)]).toMatchObject([
    "before",
    1,
    { sent: Buffer.from("before") },
  ]);
  await nextTurn();
  for (const field of ["value", "encodedValue", "revision"] as const) {
    expect(() => Reflect.get(view, field)).toThrow(/after the turn/);
  }
  expect(store.view("key")?.value).toBe("later 499");
  store.verify();
});

test("the log of another writer finds room, even if what it replaces was read in this turn", () => {
  const store = new TreeStore(reserveSlabs(1));
  const megabyte = "v".repeat(2 ** 20);
  for (let count = 0; count < 200; count++) {
    applyNext(store, put("key", megabyte));
    store.view("key");
  }
  expect(store.view("key")?.revision).toBe(200);
  store.verify();
});

test("what is retired in a turn with reads is freed after it", async () => {
  const tree = new Tree(reserveSlabs(1));
  const write = (revision: number) => {
    tree.put({
      key: "key",
      value: "value",
      revision,
      createRevision: 1,
      version: 1,
      updateTime: 1,
      expireTime: 0,
    });
    tree.publish(revision, revision);
  };
  write(1);
  write(2);
  expect(tree.usage.retired).toBe(0);
  tree.findForTurn("key");
  write(3);
  write(4);
  expect(tree.usage.retired).toBeGreaterThan(0);
  await nextTurn();
  expect(tree.usage).toMatchObject({ retired: 0, retiredBytes: 0 });
  write(5);
  expect(tree.usage.retired).toBe(0);
  tree.verify();
});

test.each(stores)("an entry that may be replaced is that of get, in the %s", (_, createStore) => {
  const store = createStore();
  applyNext(store, put("a key of some length", "text"), put("é", new Uint8Array([1, 2]), 5));
  for (const key of ["a key of some length", "é"]) {
    const entry = store.get(key) as Entry;
    const stored = store.stored(key) as EntryView;
    const fields = Object.keys(entry) as (keyof Entry)[];
    expect(Object.fromEntries(fields.map((field) => [field, stored[field]]))).toEqual(entry);
    expect(store.bytesOf(stored)).toBe(store.bytesOf(entry));
  }
  expect(store.stored("other")).toBeUndefined();
});
