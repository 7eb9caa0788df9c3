import { expect, test } from "vitest";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { ExpiryHeap } from "../../../src/store/tree/expiry-heap.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { seed } from "../../support/random.ts";
import { runExpiries } from "./expiries.ts";

test(`finds the same expired entries as an ordered index (seed ${seed})`, () => {
  runExpiries(seed, 2000, 20_000);
});

test("an entry whose expire time is renewed again and again takes little memory", () => {
  const tree = new Tree(reserveSlabs(1));
  const head = { value: "", createRevision: 1, version: 1, updateTime: 1 };
  const put = (index: number, revision: number) =>
    tree.put({ ...head, key: `key ${index}`, revision, expireTime: 1_000_000 + revision });
  for (let revision = 1; revision <= 30_000; revision++) {
    put(revision % 100, revision);
    tree.publish(revision, 1);
  }
  expect(tree.usage.expiries).toBeLessThan(210);
  expect(tree.expired(1_030_000 - 1, 200)).toHaveLength(99);
  for (let index = 0; index < 100; index++) tree.remove(`key ${index}`);
  tree.publish(30_001, 1);
  expect(tree.expired(2_000_000, 200)).toEqual([]);
  expect(tree.usage.expiries).toBe(0);
});

test("a record that comes to a place where it was before is found once", () => {
  const heap = new ExpiryHeap(
    () => true,
    () => true,
  );
  for (const ref of [8, 16, 8, 24, 8]) heap.add(100, ref, 1);
  expect(heap.expired(100, 10)).toEqual([8, 16, 24]);
  expect([heap.expired(99, 10), heap.expired(100, 2), heap.size]).toEqual([[], [8, 16], 3]);
});
