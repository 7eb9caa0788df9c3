import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Batch } from "../../src/committer/batch.ts";
import { BatchQuotas } from "../../src/committer/batch-quotas.ts";
import type { Mutation } from "../../src/committer/operation.ts";
import { DuetError } from "../../src/errors.ts";
import { defaultLimits } from "../../src/limits.ts";
import { growingSlabs, reserveSlabs, slabBytes } from "../../src/store/memory/slabs.ts";
import { QuotaUsage } from "../../src/store/quota-usage.ts";
import { TreeStore } from "../../src/store/tree-store.ts";
import { noRequests, operation, put, remove } from "../committer/committing.ts";
import { createRandom, seed } from "../support/random.ts";
import * as events from "./store-model.ts";

const text = "x".repeat(400_000);

/** Evaluates operations against the store, and applies what is not refused. Returns how many are. */
function commit(store: TreeStore, mutations: readonly Mutation[]): number {
  const batch = new Batch(store, noRequests(), defaultLimits, 1);
  let refused = 0;
  for (const mutation of mutations) {
    try {
      batch.evaluate(operation([mutation]));
    } catch (error) {
      expect(error).toBeInstanceOf(DuetError);
      expect((error as DuetError).reason).toBe("STORE_FULL");
      expect(mutation.type, "a delete is not refused").toBe("put");
      refused++;
    }
  }
  for (const [index, transaction] of batch.transactions.entries()) {
    store.apply(transaction, batch.entries[index]);
  }
  store.publish();
  return refused;
}

test(`a batch that the memory has room for is applied, and deletes find room in a full store (seed ${seed})`, () => {
  const random = createRandom(seed);
  const store = new TreeStore(reserveSlabs(1));
  const randomPut = () => {
    const length = random.below(random.pick([100, 3000, 30_000, 400_000]));
    return put(`key ${random.below(5000)}`, text.slice(0, length), random.below(2) * 1000);
  };
  let refused = 0;
  for (let batch = 0; batch < 120; batch++) {
    const deletes = batch % 100 > 80 ? 0.7 : 0.1;
    const mutations = Array.from({ length: 1 + random.below(60) }, () =>
      random.chance(deletes) ? remove(`key ${random.below(5000)}`) : randomPut(),
    );
    refused += commit(store, mutations);
    if (batch % 50 === 0) store.verify();
  }
  expect(refused).toBeGreaterThan(100);
  const keys = Array.from(store.scan({ start: "", end: undefined }, false), ({ key }) => key);
  for (let start = 0; start < keys.length; start += 100) {
    expect(commit(store, keys.slice(start, start + 100).map(remove))).toBe(0);
  }
  expect([store.size, store.bytes]).toEqual([0, 0]);
  store.verify();
});

test("a write that finds no room does not take that of the next one", () => {
  const store = new TreeStore(reserveSlabs(1));
  const value = "x".repeat(1_000_000);
  const writes = [put("a", value), put("huge", "x".repeat(60_000_000)), put("b", value), put("c", "1")];
  expect(commit(store, writes)).toBe(1);
  expect(["a", "huge", "b", "c"].map((key) => store.get(key)?.value.length)).toEqual([
    value.length,
    undefined,
    value.length,
    1,
  ]);
  store.verify();
});

test("a transaction of another writer that does not fit changes nothing", () => {
  const store = new TreeStore(reserveSlabs(1));
  const apply = (...parts: readonly ReturnType<typeof events.put>[]) =>
    store.apply({ sequence: store.revision + 1, time: 1, events: parts });
  const value = new Uint8Array(5_000_000);
  // What the first ones replaced is freed for the last ones.
  for (let round = 0; round < 15; round++) apply(events.put("large", value), events.put("small"));
  expect(store.revision).toBe(15);
  const { hash, bytes } = store;
  const more = Array.from({ length: 12 }, (_, index) => events.put(`${index}`, value));
  expect(() => apply(events.remove("small"), ...more)).toThrow(
    expect.objectContaining({ reason: "STORE_FULL" }),
  );
  expect([store.revision, store.hash, store.bytes, store.get("small")?.key]).toEqual([
    15,
    hash,
    bytes,
    "small",
  ]);
  store.verify();
  apply(events.touch("small", 5), events.remove("large"));
  expect(store.revision).toBe(16);
});

test("a store reserves memory when it is needed, and is full when the operating system refuses", async () => {
  let given = 0;
  const slabs = growingSlabs(5, (bytes) => {
    if (given === 2) throw new RangeError("Array buffer allocation failed");
    given++;
    return new SharedArrayBuffer(bytes);
  });
  const store = new TreeStore(slabs);
  const value = "x".repeat(1_000_000);
  const write = (index: number) => commit(store, [put(`key ${index}`, value)]);
  for (let index = 0; index < 50; index++) expect(write(index)).toBe(0);
  expect(slabs.bytes).toBe(slabBytes);
  for (let index = 50; index < 100; index++) expect(write(index)).toBe(0);
  expect(slabs.bytes).toBe(2 * slabBytes);
  let stored = 100;
  while (write(stored) === 0) stored++;
  expect(stored).toBeLessThan(128);
  expect([slabs.bytes, slabs.bytesMax, store.size]).toEqual([2 * slabBytes, 2 * slabBytes, stored]);
  expect(commit(store, [remove("key 7"), remove("key 8")])).toBe(0);
  // What the batch has read is freed at the end of the turn.
  await nextTurn();
  expect(commit(store, [put("key 7", value)])).toBe(0);
  store.verify();
});

test("an operation that a quota refuses takes no room in its batch, and one without room counts towards no quota", () => {
  const store = new TreeStore(reserveSlabs(1));
  const usage = new QuotaUsage(store, [
    { prefix: "small/", bytesMax: 1000, entriesMax: undefined },
    { prefix: "few/", bytesMax: undefined, entriesMax: 1 },
  ]);
  const quotas = new BatchQuotas(usage);
  const batch = new Batch(store, noRequests(), defaultLimits, 1, { quotas });
  const reasonOf = (...mutations: Mutation[]) => {
    try {
      batch.evaluate(operation(mutations));
      return "OK";
    } catch (error) {
      return (error as DuetError).reason;
    }
  };
  const large = Array.from({ length: 100 }, (_, index) => put(`small/${index}`, text));
  expect(new Set(large.map((mutation) => reasonOf(mutation)))).toEqual(new Set(["QUOTA_EXCEEDED"]));
  const tooLarge = Array.from({ length: 100 }, (_, index) => put(`${index}`, text));
  expect(reasonOf(put("few/a"), ...tooLarge)).toBe("STORE_FULL");
  expect(reasonOf(put("few/b"), put("other", text))).toBe("OK");
  expect(reasonOf(put("few/c"))).toBe("QUOTA_EXCEEDED");
});
