import { expect, test } from "vitest";
import { MapStore } from "../../src/store/map-store.ts";
import { applyNext, put } from "./store-model.ts";

test("a snapshot no longer keeps an entry that was taken", async () => {
  const store = new MapStore();
  applyNext(store, put("a"));
  applyNext(store, put("b"));
  applyNext(store, put("c"));
  const kept: string[] = [];
  const left: string[] = [];
  const snapshot = store.snapshot({
    onKept: ({ key }) => kept.push(key),
    onLeft: ({ key }) => left.push(key),
  });
  applyNext(store, put("a", "later"));
  const order = await snapshot.byRevision(new AbortController().signal);
  expect(order.take()?.value).toBe("");
  expect([kept, left]).toEqual([["a"], ["a"]]);
  expect(order.take()?.key).toBe("b");
  applyNext(store, put("a", "last"), put("b", "later"), put("c", "later"));
  expect([kept, left]).toEqual([["a", "c"], ["a"]]);
  snapshot.release();
  expect(left).toEqual(["a", "c"]);
});
