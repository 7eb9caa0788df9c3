import { expect, test } from "vitest";
import { prefixRange } from "../../../src/store/key-range.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { createRandom, rounds, seed } from "../../support/random.ts";
import { put, remove } from "../store-model.ts";
import { MirroredTree, unbounded } from "./mirrored-tree.ts";
import { keyPatterns, runRandomOperations } from "./random-operations.ts";

const everything = prefixRange("");
const allBytes = toByteRange(everything);

test.each(keyPatterns)(`holds what the store holds, with keys $name (seed ${seed})`, (pattern) => {
  runRandomOperations(seed, pattern, 80 * rounds, {});
});

test.each(keyPatterns)(`the same where no other thread reads, with keys $name (seed ${seed})`, (pattern) => {
  runRandomOperations(seed, pattern, 80 * rounds, { isExclusive: true });
});

test("where no other thread reads, only what a snapshot needs is copied", () => {
  const mirrored = new MirroredTree(reserveSlabs(1), { isExclusive: true });
  const { tree } = mirrored;
  const keys = Array.from({ length: 1000 }, (_, index) => `key ${index}`);
  for (const key of keys) mirrored.write(put(key, "before"));
  const { liveBytes } = tree.usage;
  mirrored.change(put("key 500", "after!"));
  expect(tree.usage.retired).toBe(1);
  expect(() => tree.snapshot(unbounded)).toThrow("must be published before a snapshot");
  mirrored.publish();
  expect(tree.usage).toMatchObject({ liveBytes, retired: 0 });

  const snapshot = mirrored.snapshot();
  mirrored.write(put("key 500", "second"));
  // The record, its leaf and the root.
  expect(tree.usage.retired).toBe(3);
  mirrored.write(put("key 500", "third!"));
  expect(tree.usage.retired).toBe(3);
  snapshot.expectSame(everything);
  snapshot.release();
  expect(tree.usage).toMatchObject({ liveBytes, retired: 0 });
  tree.verify();
});

test("an empty tree has no entries", () => {
  const mirrored = new MirroredTree();
  mirrored.expectSame(everything);
  mirrored.expectSameEntry("key");
  expect(mirrored.tree.remove("key")).toBe(0);
  mirrored.write(put("key"));
  mirrored.write(remove("key"));
  mirrored.expectSame(everything);
  mirrored.tree.verify();
  expect(mirrored.tree.usage.liveBytes).toBe(0);
});

test("changes are not seen before they are published", () => {
  const { tree } = new MirroredTree();
  const entry = {
    key: "key",
    value: "1",
    revision: 1,
    createRevision: 1,
    version: 1,
    updateTime: 1,
    expireTime: 0,
  };
  tree.put(entry);
  expect([tree.get("key")?.value, tree.snapshot(unbounded).view.get("key")]).toEqual(["1", undefined]);
  tree.publish(1, 1);
  const { view, release } = tree.snapshot(unbounded);
  tree.put({ ...entry, value: "2" });
  tree.remove("key");
  tree.put({ ...entry, value: "3" });
  expect([tree.get("key")?.value, view.get("key")?.value]).toEqual(["3", "1"]);
  tree.publish(2, 2);
  expect([tree.snapshot(unbounded).view.get("key")?.value, view.get("key")?.value]).toEqual(["3", "1"]);
  expect([view.revision, view.size]).toEqual([1, 1]);
  tree.verify();
  release();
});

test("memory waits for the oldest snapshot, and is freed with it", () => {
  const mirrored = new MirroredTree();
  const { tree } = mirrored;
  const keys = Array.from({ length: 1000 }, (_, index) => `key ${index}`);
  for (const key of keys) mirrored.write(put(key, "before"));
  const { liveBytes } = tree.usage;
  expect(tree.usage).toMatchObject({ retired: 0, heldVersions: 1 });
  const [older, newer] = [tree.snapshot(unbounded), tree.snapshot(unbounded)];
  for (const key of keys) mirrored.write(put(key, "after"));
  expect(tree.usage.heldVersions).toBe(1001);
  expect(tree.usage.retired).toBeGreaterThan(1000);
  newer.release();
  newer.release();
  expect(Array.from(older.view.scan(allBytes, false), ({ value }) => value)).toEqual(
    keys.map(() => "before"),
  );
  tree.verify();
  older.release();
  expect(tree.usage).toMatchObject({ retired: 0, heldVersions: 1, liveBytes });
  tree.verify();
});

test("a snapshot can be scanned while every entry changes under it", () => {
  const mirrored = new MirroredTree();
  const keys = Array.from({ length: 2000 }, (_, index) => `key ${String(index).padStart(4, "0")}`);
  for (const key of keys) mirrored.write(put(key, "before"));
  const { view, release } = mirrored.tree.snapshot(unbounded);
  const seen: string[] = [];
  for (const { key, value } of view.scan(allBytes, false)) {
    expect(value).toBe("before");
    const index = seen.push(key) - 1;
    mirrored.write(remove(keys[index] as string), put(`new ${index}`));
    mirrored.write(put(keys[keys.length - 1 - index] as string, "after"));
  }
  expect(seen).toEqual(keys);
  release();
  mirrored.expectSame(everything);
  mirrored.tree.verify();
});

test("keys that grow fill the pages; keys that come in a gap do not leave them almost empty", () => {
  const bytesFor = (keys: readonly string[]) => {
    const tree = new Tree(reserveSlabs(1));
    const entry = { value: "", revision: 1, createRevision: 1, version: 1, updateTime: 1, expireTime: 0 };
    for (const key of keys) {
      tree.put({ key, ...entry });
      tree.publish(1, 1);
    }
    tree.verify();
    return tree.usage.liveBytes / keys.length - 48;
  };
  const count = 10_000;
  const ascending = Array.from({ length: count }, (_, index) => `k${String(index).padStart(8, "0")}`);
  // 1,024 bytes for 126 entries, and what is above them.
  expect(bytesFor(ascending)).toBeLessThan(8.5);
  expect(bytesFor(["z", ...ascending])).toBeLessThan(17);
  expect(bytesFor(ascending.toReversed())).toBeLessThan(17);
  expect(bytesFor(["a", "z", ...ascending.toReversed()])).toBeLessThan(17);
});

test(`a tree over used memory holds only its own entries (seed ${seed})`, () => {
  const random = createRandom(seed);
  const slabs = reserveSlabs(1);
  for (let round = 0; round < 3; round++) {
    const mirrored = new MirroredTree(slabs);
    for (let write = 0; write < 300 * rounds; write++) {
      mirrored.write(put(`key ${random.below(1000)}`, "x".repeat(random.below(300))));
    }
    mirrored.expectSame(everything);
    mirrored.tree.verify();
  }
});

test("verify finds damage", () => {
  const slabs = reserveSlabs(1);
  const tree = new Tree(slabs);
  for (let index = 0; index < 1000; index++) {
    const key = `key ${index}`;
    tree.put({ key, value: "", revision: 1, createRevision: 1, version: 1, updateTime: 1, expireTime: 0 });
  }
  tree.publish(1, 1);
  tree.verify();
  // A digit of one key, which is then out of order or has another head.
  const [record] = tree.view().refs(allBytes, false);
  const bytes = slabs.bytesOf(record as number);
  const position = bytes.indexOf("key 0");
  bytes[position + 4] = "9".charCodeAt(0);
  expect(() => tree.verify()).toThrow(/^tree: /);
  bytes[position + 4] = "0".charCodeAt(0);
  tree.verify();
});
