import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { RecordEntry } from "../../../src/store/memory/records.ts";
import { noRef, reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { unbounded } from "./mirrored-tree.ts";

const first: RecordEntry = {
  key: "key",
  value: "value 1",
  revision: 1,
  createRevision: 1,
  version: 1,
  updateTime: 10,
  expireTime: 0,
};
const second: RecordEntry = { ...first, value: "value 2", revision: 2, version: 2, updateTime: 20 };
const third: RecordEntry = { ...second, value: "value 3", revision: 3, version: 3 };

/** A tree that only this thread reads, with the first entry. */
function createTree(entry = first): Tree {
  const tree = new Tree(reserveSlabs(1), { isExclusive: true });
  tree.put(entry);
  tree.publish(1, 10);
  return tree;
}

/** Puts an entry as a store does. Returns whether its record lies where that of the same key did. */
function putOver(tree: Tree, entry: RecordEntry): boolean {
  const before = tree.find(entry.key);
  const isOverwritten = before !== noRef && tree.overwrite(before, entry);
  if (!isOverwritten) tree.put(entry);
  expect(isOverwritten).toBe(tree.find(entry.key) === before);
  expect([tree.get(entry.key), tree.records.entry(tree.newest)]).toEqual([entry, entry]);
  return isOverwritten;
}

test("a put overwrites the record of its key where it lies, and takes no memory", () => {
  const tree = createTree();
  const { usage, entryBytes } = tree;
  expect(putOver(tree, second)).toBe(true);
  expect(putOver(tree, third)).toBe(true);
  expect([tree.usage, tree.entryBytes, tree.size]).toEqual([usage, entryBytes, 1]);
  tree.publish(3, 30);
  tree.verify();
});

test("a record is not overwritten if its slot is too small, or larger than it needs", () => {
  const tree = createTree();
  expect(putOver(tree, { ...second, value: "longer than the slot of the value before" })).toBe(false);
  expect(putOver(tree, third)).toBe(false);
  expect(putOver(tree, { ...third, revision: 4, value: "v".repeat(100_000) })).toBe(false);
  expect(putOver(tree, { ...third, revision: 5, value: "v".repeat(99_999) })).toBe(false);
  tree.publish(5, 30);
  tree.verify();
});

test("a record that a snapshot reaches is not overwritten, and those that came later are", () => {
  const tree = createTree();
  const snapshot = tree.snapshot(unbounded);
  expect(putOver(tree, second)).toBe(false);
  tree.publish(2, 20);
  expect(putOver(tree, third)).toBe(true);
  tree.publish(3, 30);
  const later = tree.snapshot(unbounded);
  expect(putOver(tree, { ...third, revision: 4 })).toBe(false);
  tree.publish(4, 40);
  expect([snapshot.view.get("key"), later.view.get("key")]).toEqual([first, third]);
  later.release();
  snapshot.release();
  expect(putOver(tree, { ...third, revision: 5 })).toBe(true);
  tree.publish(5, 50);
  tree.verify();
});

test("a record is not overwritten in a turn in which it may have been read", async () => {
  const tree = createTree();
  const read = tree.findForTurn("key");
  expect(putOver(tree, second)).toBe(false);
  tree.publish(2, 20);
  expect(tree.records.entry(read)).toEqual(first);
  await nextTurn();
  expect(putOver(tree, third)).toBe(true);
});

test("a read before changes that are expected keeps no record longer than its turn", async () => {
  const tree = createTree();
  tree.findForTurn("key");
  tree.expectChanges();
  await nextTurn();
  tree.findForTurn("key");
  await nextTurn();
  expect(putOver(tree, second)).toBe(true);
  tree.findForTurn("key");
  expect(putOver(tree, third)).toBe(false);
  tree.publish(3, 30);
  tree.verify();
});

test("a tree that other threads read overwrites no record", () => {
  const tree = new Tree(reserveSlabs(1));
  tree.put(first);
  expect(putOver(tree, second)).toBe(false);
});

test("an expire time counts once, however often its record is overwritten or touched", () => {
  const tree = createTree({ ...first, expireTime: 100 });
  for (let revision = 2; revision < 100; revision++) {
    const expireTime = 100 + (revision % 2);
    const entry = { ...second, revision, expireTime };
    expect(putOver(tree, entry)).toBe(true);
    // A touch changes the expire time only.
    expect(putOver(tree, { ...entry, expireTime: 102 })).toBe(false);
    expect(putOver(tree, entry)).toBe(false);
    tree.publish(revision, 1);
    expect(tree.expired(99, 10)).toEqual([]);
    expect(tree.expired(102, 10)).toEqual([tree.find("key")]);
    tree.verify();
  }
  expect(putOver(tree, { ...first, value: "12345678value", revision: 100 })).toBe(false);
  expect(tree.expired(200, 10)).toEqual([]);
});
