import { expect, test } from "vitest";
import { prefixRange } from "../../src/store/key-range.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { StateHash } from "../../src/store/state-hash.ts";
import type { Store } from "../../src/store/store.ts";
import type { PutEvent, Value } from "../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { applyNext, put, remove } from "./store-model.ts";
import { stores, verify } from "./stores.ts";

const plainPut = { type: "put", key: "k", value: "v", createRevision: 1, version: 1, expireTime: 0 } as const;

function hashOf(store: Store): string {
  const hash = new StateHash();
  for (const entry of store.scan(prefixRange(""), false)) hash.add(entry);
  return hash.toString();
}

function storeOf(event: Partial<PutEvent>, sequence = 1, time = 1): Store {
  const store = new MapStore();
  store.apply({ sequence, time, events: [{ ...plainPut, ...event }] });
  return store;
}

test.each<Partial<PutEvent>>([
  { key: "other" },
  { key: "" },
  { value: "w" },
  { value: "v\0" },
  { value: new TextEncoder().encode("v") },
  { createRevision: 2 },
  { version: 2 },
  { expireTime: 5 },
  // The same bytes in a row.
  { key: "kv", value: "" },
])("differs with %o", (difference) => {
  expect(storeOf(difference).hash).not.toBe(storeOf({}).hash);
});

test("differs with the revision and the time of the write", () => {
  expect(storeOf({}, 2).hash).not.toBe(storeOf({}).hash);
  expect(storeOf({}, 1, 2).hash).not.toBe(storeOf({}).hash);
});

test("differs with each byte of a long value", () => {
  const value = new Uint8Array(1_000_000);
  const { hash } = storeOf({ value });
  for (const index of [0, 1, 499_999, 999_999]) {
    expect(storeOf({ value: value.with(index, 1) }).hash).not.toBe(hash);
  }
});

test.each(stores)("is all zeros without entries, also after some were in the %s", (_, createStore) => {
  const store = createStore();
  const { hash } = store;
  expect(hash).toBe("0".repeat(32));
  applyNext(store, put("a", "1"), put("b", new Uint8Array(3)));
  applyNext(store, put("a", "2"), remove("b"), remove("c"));
  applyNext(store, remove("a"));
  expect(store.hash).toBe(hash);
});

function randomValue(random: Random): Value {
  const length = random.pick([0, 1, 15, 16, 17, 100, 5000]);
  if (random.chance(0.3)) return new Uint8Array(length).fill(random.below(256));
  return random.pick(["x", "é", "漢", "😀"]).repeat(length);
}

test.each(stores)(`is that of all entries, whatever was done to the %s (seed ${seed})`, (_, createStore) => {
  const random = createRandom(seed);
  const store = createStore();
  for (let step = 0; step < 2000 * rounds; step++) {
    const keys = [`a${random.below(50)}`, `é${random.below(50)}`];
    const events = keys.map((key) =>
      random.chance(0.3)
        ? remove(key, random.chance(0.5))
        : put(key, randomValue(random), random.pick([0, 7e12])),
    );
    applyNext(store, ...events);
    if (step % 50 === 0) expect(store.hash, `step ${step}`).toBe(hashOf(store));
  }
  expect(store.size).toBeGreaterThan(0);
  verify(store);
});
