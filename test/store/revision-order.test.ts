import { expect, test } from "vitest";
import { prefixRange } from "../../src/store/key-range.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { RevisionOrder } from "../../src/store/revision-order.ts";
import { applyNext, put } from "./store-model.ts";

test("lets others have their turn among keys that came after the snapshot", async () => {
  const store = new MapStore();
  for (const key of ["c", "a", "b"]) applyNext(store, put(key));
  const snapshot = store.snapshot();
  for (let index = 0; index < 100_000; index++) applyNext(store, put(`new/${index}`));
  let turn = 0;
  let done = false;
  const count = () => {
    turn++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  const turnsWithSlices = new Set<number>();
  function* scan() {
    for (const entry of snapshot.scan(prefixRange(""))) {
      turnsWithSlices.add(turn);
      yield entry;
    }
  }
  const order = await RevisionOrder.of(scan(), ({ revision }) => revision, new AbortController().signal);
  done = true;
  expect(turnsWithSlices.size).toBeGreaterThan(5);
  expect([order.take(), order.take(), order.take(), order.take()].map((entry) => entry?.key)).toEqual([
    "c",
    "a",
    "b",
    undefined,
  ]);
});
