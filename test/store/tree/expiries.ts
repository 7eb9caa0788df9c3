import { expect } from "vitest";
import { ExpiryIndex } from "../../../src/store/expiry-index.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { createRandom } from "../../support/random.ts";
import { unbounded } from "./mirrored-tree.ts";

/** How many times as many items as records with an expire time there may be. */
const itemsMax = 3;

/**
 * Puts, touches, deletes and moves entries with expire times, in a tree and in an ordered index that tells what has expired.
 */
export function runExpiries(seed: number, keyCount: number, steps: number): void {
  const random = createRandom(seed);
  const tree = new Tree(reserveSlabs(Math.ceil((keyCount * 400) / 2 ** 26) + 1));
  const index = new ExpiryIndex();
  const times = new Map<string, number>();
  let revision = 0;
  let now = 0;
  let snapshot = tree.snapshot(unbounded);

  const put = (key: string, expireTime: number) => {
    const value = "x".repeat(random.below(100));
    tree.put({ key, value, revision, createRevision: 1, version: 1, updateTime: 1, expireTime });
    forget(key);
    if (expireTime === 0) return;
    index.add(expireTime, key);
    times.set(key, expireTime);
  };
  const forget = (key: string) => {
    const expireTime = times.get(key);
    if (expireTime !== undefined) index.delete(expireTime, key);
    times.delete(key);
  };
  const remove = (key: string) => {
    tree.remove(key);
    forget(key);
  };
  const expectSame = (limit: number) => {
    const keys = tree.expired(now, limit).map((ref) => tree.records.key(ref));
    const expected = index.expired(now, limit);
    expect(keys.map((key) => times.get(key))).toEqual(expected.map((key) => times.get(key)));
    if (expected.length < limit) expect(keys.toSorted()).toEqual(expected.toSorted());
    else expect(new Set(keys).size).toBe(limit);
    return keys;
  };

  for (let step = 0; step < steps; step++) {
    if (step % 5 === 0) revision++;
    const key = `key ${random.below(keyCount)}`;
    const chance = random.below(100);
    if (chance < 70) put(key, now + 1 + random.below(random.pick([3, 1000])));
    else if (chance < 80) put(key, 0);
    else remove(key);
    if (step % 20 === 0) {
      if (random.chance(0.5)) tree.evacuate(random.below(40));
      tree.publish(revision, 1);
    }
    if (step % 1000 === 999) {
      now += random.below(300);
      expectSame(1 + random.below(100));
      for (const expired of expectSame(random.pick([10, 100_000]))) remove(expired);
      snapshot.release();
      snapshot = tree.snapshot(unbounded);
    }
  }
  tree.publish(revision, 1);
  expect(tree.usage.expiries).toBeLessThan(itemsMax * times.size + 2000);
  now += 1000;
  expectSame(keyCount);
  for (const key of times.keys()) tree.remove(key);
  expect(tree.expired(now, 10)).toEqual([]);
  snapshot.release();
  tree.publish(revision + 1, 1);
  tree.verify();
}
