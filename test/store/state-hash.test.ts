import { expect, it } from "vitest";
import { hashState } from "../../src/store/state-hash.ts";
import { Store } from "../../src/store/store.ts";
import type { PutEvent } from "../../src/transaction-log/transaction-logger.ts";

function storeOf(...events: readonly Partial<PutEvent>[]): Store {
  const store = new Store();
  for (const [index, event] of events.entries()) {
    const put = { type: "put", key: "k", value: "v", createRevision: 1, version: 1, expireTime: 0 } as const;
    store.apply({ sequence: index + 1, time: 1, events: [{ ...put, ...event }] });
  }
  return store;
}

it("is the same for the same entries, by whatever way they came there", async () => {
  const one = storeOf({ key: "a" }, { key: "b" });
  const other = storeOf({ key: "a" }, { key: "b" });
  expect(await hashState(one)).toEqual(await hashState(other));
  expect((await hashState(one)).revision).toBe(2);
});

it.each([
  { key: "other" },
  { value: "w" },
  { value: new TextEncoder().encode("v") },
  { createRevision: 2 },
  { version: 2 },
  { expireTime: 5 },
])("differs with %o", async (difference) => {
  const { hash } = await hashState(storeOf({}));
  expect((await hashState(storeOf(difference))).hash).not.toBe(hash);
});

it("is of one revision, whatever is written meanwhile", async () => {
  const keys = Array.from({ length: 1000 }, (_, index) => ({ key: `k${String(index).padStart(4, "0")}` }));
  const store = storeOf(...keys);
  const expected = await hashState(store);
  const hashing = hashState(store);
  const put = {
    type: "put",
    key: "k0999",
    value: "new",
    createRevision: 1,
    version: 2,
    expireTime: 0,
  } as const;
  store.apply({ sequence: 1001, time: 2, events: [put] });
  expect(await hashing).toEqual(expected);
});
