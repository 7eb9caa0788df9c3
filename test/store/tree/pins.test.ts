import { expect, test } from "vitest";
import { prefixRange } from "../../../src/store/key-range.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import { Tree, type TreeSnapshot } from "../../../src/store/tree/tree.ts";
import type { VersionOptions } from "../../../src/store/tree/versions.ts";
import { unbounded } from "./mirrored-tree.ts";

const all = toByteRange(prefixRange(""));
const keys = Array.from({ length: 500 }, (_, index) => `key ${1000 + index}`);

/** A tree whose clock the test moves. */
function createTree(options?: VersionOptions) {
  const clock = { ms: 0 };
  const tree = new Tree(reserveSlabs(1), { now: () => clock.ms, ...options });
  let revision = 0;
  const put = (key: string, value: string) => {
    revision++;
    tree.put({ key, value, revision, createRevision: 1, version: 1, updateTime: 1, expireTime: 0 });
  };
  const write = (value: string) => {
    for (const key of keys) put(key, value);
    tree.publish(revision, revision);
  };
  write("before");
  return { clock, tree, write };
}

function expectEnded({ view }: TreeSnapshot, why: RegExp): void {
  const tooSlow = expect.objectContaining({
    reason: "SNAPSHOT_TOO_SLOW",
    message: expect.stringMatching(why),
  });
  for (const read of [
    () => view.get("key 1000"),
    () => view.find("key 1000"),
    () => view.count(all),
    () => [...view.scan(all, true)],
  ]) {
    expect(read).toThrow(tooSlow);
  }
}

test("a snapshot is ended when it is too old, and its memory is freed", () => {
  const { clock, tree, write } = createTree();
  const old = tree.snapshot({ ...unbounded, msMax: 100 });
  clock.ms = 50;
  const young = tree.snapshot({ ...unbounded, msMax: 100 });
  clock.ms = 100;
  write("after");
  const { retiredBytes } = tree.usage;
  expect([old.view.get("key 1000")?.value, tree.usage.snapshots]).toEqual(["before", 2]);
  clock.ms = 101;
  // Nothing is retired as long as no version is published, so the snapshot may still be read.
  expect(old.view.count(all)).toBe(keys.length);
  write("later");
  expectEnded(old, /held for more than 100 ms/);
  expect([young.view.get("key 1000")?.value, tree.usage.snapshots]).toEqual(["before", 1]);
  expect(tree.usage.retiredBytes).toBe(retiredBytes);

  clock.ms = 200;
  write("last");
  expectEnded(young, /held for more than 100 ms/);
  expect(tree.usage).toMatchObject({ snapshots: 0, retired: 0, retiredBytes: 0, heldVersions: 1 });
  for (const { release } of [old, young]) release();
  expectEnded(old, /held/);
  tree.verify();
});

test("a snapshot is ended when too much is overwritten that it or a later one needs", () => {
  const { tree, write } = createTree();
  const bounds = { ...unbounded, retiredBytesMax: 50_000 };
  const first = tree.snapshot(bounds);
  write("1");
  const { retiredBytes } = tree.usage;
  expect(retiredBytes).toBeGreaterThan(keys.length * 40);
  expect(retiredBytes).toBeLessThan(50_000);
  expect(first.view.get("key 1000")?.value).toBe("before");
  const second = tree.snapshot(bounds);
  write("2");
  expectEnded(first, /more than 50000 bytes were overwritten/);
  write("3");
  expect(second.view.get("key 1000")?.value).toBe("1");
  second.release();
  expect(tree.usage).toMatchObject({ snapshots: 0, retired: 0, retiredBytes: 0 });
  tree.verify();
});

test("the oldest snapshots are ended when all together keep too much", () => {
  const { tree, write } = createTree({ keptBytesMax: 100_000 });
  const ended: number[] = [];
  const snapshots = [0, 1, 2, 3, 4, 5].map((number) => {
    const snapshot = tree.snapshot({
      ...unbounded,
      onEnded: () => {
        ended.push(number);
        snapshot.release();
      },
    });
    write(String(number));
    expect(tree.usage.retiredBytes).toBeLessThan(100_000);
    return snapshot;
  });
  expect(ended).toEqual([0, 1, 2]);
  expectEnded(snapshots[2] as TreeSnapshot, /all snapshots together kept more than 100000 bytes/);
  expect(snapshots[3]?.view.get("key 1000")?.value).toBe("2");
  for (const { release } of snapshots) release();
  expect(tree.usage).toMatchObject({ snapshots: 0, retired: 0, retiredBytes: 0 });
  tree.verify();
});

test("a snapshot keeps no version of an entry and no page that was made after it", () => {
  const { tree, write } = createTree();
  const snapshot = tree.snapshot({ ...unbounded, retiredBytesMax: 100_000 });
  write("1");
  const { retired, retiredBytes } = tree.usage;
  for (let round = 2; round < 50; round++) {
    write(String(round));
    expect(tree.usage).toMatchObject({ retired, retiredBytes });
  }
  const later = tree.snapshot(unbounded);
  write("later");
  expect(tree.usage.retiredBytes).toBe(2 * retiredBytes);
  for (const { view } of [snapshot, later]) expect(view.count(all)).toBe(keys.length);
  expect([snapshot, later].map(({ view }) => view.get("key 1000")?.value)).toEqual(["before", "49"]);
  tree.verify();
  snapshot.release();
  expect(tree.usage.retiredBytes).toBe(retiredBytes);
  later.release();
  expect(tree.usage).toMatchObject({ retired: 0, retiredBytes: 0 });
  tree.verify();
});

test("a scan under way throws when its snapshot is ended, and reads nothing that was reused", () => {
  const { clock, tree, write } = createTree();
  const { view } = tree.snapshot({ ...unbounded, msMax: 10 });
  const read: unknown[] = [];
  expect(() => {
    for (const { value } of view.scan(all, false)) {
      read.push(value);
      write(`after ${read.length}`);
      if (read.length === 20) clock.ms = 11;
    }
  }).toThrow(expect.objectContaining({ reason: "SNAPSHOT_TOO_SLOW" }));
  expect(read).toEqual([...Array(21)].map(() => "before"));
});

test("a snapshot that was released throws when it is read", () => {
  const { tree, write } = createTree();
  const { view, release } = tree.snapshot(unbounded);
  release();
  write("after");
  expect(() => view.get("key 1000")).toThrow("read after its release");
  expect(() => view.count(all)).toThrow("read after its release");
});

test("a view of the version under way throws when it is read after a change", () => {
  const { tree, write } = createTree();
  const view = tree.view();
  expect([view.count(all), view.time]).toEqual([keys.length, keys.length]);
  write("after");
  expect(() => view.get("key 1000")).toThrow("has changed since");
  expect(() => view.count(all)).toThrow("has changed since");
  expect(() => [...view.refs(all, false)]).toThrow("has changed since");
});
