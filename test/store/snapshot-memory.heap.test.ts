import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { prefixRange } from "../../src/store/key-range.ts";
import { MapStore } from "../../src/store/map-store.ts";
import type { Store } from "../../src/store/store.ts";
import { applyNext, put, remove } from "./store-model.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  for (let round = 0; round < 3; round++) collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Puts so many keys of 1000 bytes, and deletes them again. */
function churn(store: Store, name: string, count: number): void {
  const keys = Array.from({ length: count }, (_, index) => `${name} ${"k".repeat(1000)} ${index}`);
  for (const key of keys) applyNext(store, put(Buffer.from(key).toString()));
  for (const key of keys) applyNext(store, remove(key));
}

test("a released snapshot keeps no deleted keys", () => {
  const store = new MapStore();
  for (let index = 0; index < 5_000; index++) applyNext(store, put(`${"k".repeat(1000)} ${index}`));
  const before = heapBytes();
  const snapshot = store.snapshot();
  snapshot.release();
  for (let index = 0; index < 5_000; index++) applyNext(store, remove(`${"k".repeat(1000)} ${index}`));
  const freed = before - heapBytes();
  expect(snapshot.revision).toBe(5_000);
  expect(freed).toBeGreaterThan(3_750_000);
});

test("a snapshot does not keep deleted keys that it does not select", () => {
  const store = new MapStore();
  applyNext(store, put("selected"));
  for (let index = 0; index < 5_000; index++) applyNext(store, put(`${"k".repeat(1000)} ${index}`));
  const before = heapBytes();
  const snapshot = store.snapshot({ selects: (key) => key === "selected" });
  for (let index = 0; index < 5_000; index++) applyNext(store, remove(`${"k".repeat(1000)} ${index}`));
  const freed = before - heapBytes();
  expect([...snapshot.scan(prefixRange(""))].flatMap((entry) => entry?.key ?? [])).toEqual(["selected"]);
  expect(freed).toBeGreaterThan(3_750_000);
  snapshot.release();
});

test("a snapshot keeps nothing of keys that come and go while it is held", () => {
  const store = new MapStore();
  applyNext(store, put("kept"));
  const snapshot = store.snapshot();
  churn(store, "warm", 10);
  const before = heapBytes();
  churn(store, "churn", 5_000);
  const grown = heapBytes() - before;
  expect(snapshot.revision).toBe(1);
  expect(grown).toBeLessThan(1_250_000);
  snapshot.release();
});

test("a snapshot returns the entry of its revision, whatever has happened to the key since", () => {
  const store = new MapStore();
  applyNext(store, put("overwritten", "old"), put("deleted", "old"), put("same", "old"));
  const snapshot = store.snapshot();
  for (const value of ["1", "2"]) applyNext(store, put("overwritten", value), put("new", value));
  applyNext(store, remove("deleted"));
  applyNext(store, put("deleted", "again"));
  applyNext(store, remove("new"));
  const expected = [
    ["overwritten", "old"],
    ["deleted", "old"],
    ["same", "old"],
    ["new", undefined],
  ] as const;
  for (const [key, value] of expected) expect([key, snapshot.get(key)?.value]).toEqual([key, value]);
});
