import { expect, test } from "vitest";
import { prefixRange } from "../../../src/store/key-range.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import { Tree, type TreeSnapshot } from "../../../src/store/tree/tree.ts";
import { createRandom, rounds, seed } from "../../support/random.ts";
import { unbounded } from "./mirrored-tree.ts";

const all = toByteRange(prefixRange(""));
const keyCount = 3000;
const text = "x".repeat(6000);

/** The revision and the length of each value, by key. */
type Expected = Map<string, string>;

function expectSame({ view }: TreeSnapshot, expected: Expected): void {
  const entries = Array.from(view.scan(all, false), ({ key, value, revision }) => {
    return `${key}: ${revision} ${value.length} ${String(value).replaceAll("x", "")}`;
  });
  const keys = [...expected.keys()].toSorted();
  expect(entries.join("\n")).toBe(keys.map((key) => `${key}: ${expected.get(key)}`).join("\n"));
}

test(`records and pages are moved beside snapshots, which stay as they are (seed ${seed})`, () => {
  const random = createRandom(seed);
  const tree = new Tree(reserveSlabs(3));
  const current: Expected = new Map();
  const snapshots: { snapshot: TreeSnapshot; expected: Expected }[] = [];
  let revision = 0;
  let moves = 0;
  const change = (lengthMax: number, removed: number) => {
    revision++;
    for (let count = 0; count < 60; count++) {
      const key = `key ${random.below(keyCount)}`;
      if (random.chance(removed)) {
        tree.remove(key);
        current.delete(key);
        continue;
      }
      const value = text.slice(0, random.below(lengthMax)) + revision;
      const head = { createRevision: 1, version: 1, updateTime: 1, expireTime: 0 };
      tree.put({ ...head, key, value, revision });
      current.set(key, `${revision} ${value.length} ${revision}`);
    }
    moves += tree.evacuate(random.below(200));
    tree.publish(revision, revision);
  };
  const phases = [
    { lengthMax: 6000, removed: 0.1 },
    { lengthMax: 1500, removed: 0.3 },
    { lengthMax: 6000, removed: 0.5 },
    { lengthMax: 300, removed: 0.8 },
  ];
  for (const { lengthMax, removed } of phases) {
    for (let version = 0; version < 15 * rounds; version++) {
      change(lengthMax, removed);
      if (version % 5 !== 0) continue;
      snapshots.push({ snapshot: tree.snapshot(unbounded), expected: new Map(current) });
      for (const { snapshot, expected } of snapshots) expectSame(snapshot, expected);
      if (snapshots.length > 1) snapshots.splice(random.below(2), 1)[0]?.snapshot.release();
      tree.verify();
    }
  }
  expect(moves).toBeGreaterThan(100);
  for (const { snapshot } of snapshots) snapshot.release();
  for (const key of current.keys()) tree.remove(key);
  for (let version = 0; version < 100; version++) {
    tree.evacuate(200);
    tree.publish(++revision, revision);
  }
  tree.verify();
  expect(tree.usage).toMatchObject({ liveBytes: 0, usedBytes: 0, retired: 0, retiredBytes: 0 });
});
