import { expect, test } from "vitest";
import { prefixRange } from "../../../src/store/key-range.ts";
import { noRef, reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { StateHash } from "../../../src/store/state-hash.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import type { ImageFiles } from "../../../src/store/tree/image/image-file.ts";
import { openImage } from "../../../src/store/tree/image/open-image.ts";
import { writeImage } from "../../../src/store/tree/image/write-image.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import type { Value } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random, seed, stride } from "../../support/random.ts";
import { MemoryFileSystem } from "../../transaction-log/file/memory-file-system.ts";
import { unbounded } from "./mirrored-tree.ts";
import { randomValue } from "./random-operations.ts";

const all = toByteRange(prefixRange(""));
const directory = "/data";
const path = `${directory}/image`;
const slabs = reserveSlabs(1);

/** Random writes to a tree, each of which is published. */
class RandomTree {
  readonly tree = new Tree(reserveSlabs(1));
  readonly #random: Random;
  readonly #value: (random: Random) => Value;
  #revision = 0;

  constructor(random: Random, value: (random: Random) => Value = randomValue) {
    this.#random = random;
    this.#value = value;
  }

  write(count: number, keyCount = 500): void {
    const random = this.#random;
    for (let left = count; left > 0; left--) {
      const revision = ++this.#revision;
      const key = `key ${random.below(keyCount)}`;
      const head = {
        createRevision: 1,
        version: 1,
        updateTime: revision,
        expireTime: random.below(3) * 1000,
      };
      if (random.chance(0.2)) this.tree.remove(key);
      else this.tree.put({ key, value: this.#value(random), revision, ...head });
      if (random.chance(0.1)) this.tree.evacuate(10);
      this.tree.publish(revision, revision);
    }
  }
}

/** All records have the same size, so that an image has few blocks. */
const smallValue = (random: Random) => String(1000 + random.below(1000));

/** The hash of all entries, and what else identifies a state. */
function stateOf(tree: Tree): string {
  const hash = new StateHash();
  const view = tree.view();
  for (const entry of view.scan(all, false)) hash.add(entry);
  return `revision ${view.revision}, ${view.size} entries, hash ${hash.toString()}`;
}

async function write(files: ImageFiles, tree: Tree, note = "note"): Promise<void> {
  const source = tree.imageSource(unbounded);
  try {
    await writeImage(files, path, source, { id: "store", note: Buffer.from(note) });
  } finally {
    source.release();
  }
}

/** Opens the image; a tree in it must be sound. `errors` are those that were reported. */
async function open(files: ImageFiles, id = "store") {
  const errors: string[] = [];
  const opened = await openImage(files, path, slabs, id, (error) => errors.push(String(error)));
  opened?.tree.verify();
  return { tree: opened?.tree, note: opened?.note.toString(), errors };
}

async function createFiles(): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem({ durableWrites: false });
  await files.makeDirectory(directory);
  return files;
}

test(`a tree that is opened holds what was written, and goes on (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const files = await createFiles();
  let { tree } = new RandomTree(random);
  for (const writes of [0, 1, 300, 3000]) {
    const source = new RandomTree(random);
    source.write(writes);
    const snapshot = source.tree.snapshot(unbounded);
    source.write(20);
    // Changes of the version under way are not part of the image.
    source.tree.put({
      key: "under way",
      value: "",
      revision: 1,
      createRevision: 1,
      version: 1,
      updateTime: 1,
      expireTime: 0,
    });
    const published = source.tree.snapshot(unbounded);
    await write(files, source.tree, `note ${writes}`);
    const opened = await open(files);
    expect([opened.errors, opened.note]).toEqual([[], `note ${writes}`]);
    tree = opened.tree as Tree;
    const expected = [...published.view.scan(all, false)];
    expect([...tree.view().scan(all, false)]).toEqual(expected);
    const { revision, time, size } = published.view;
    const view = tree.view();
    expect([view.revision, view.time, view.size]).toEqual([revision, time, size]);
    for (const { key } of expected.slice(0, 50)) expect(tree.get(key)?.key).toBe(key);
    expect(tree.expired(5000, 1e6)).toHaveLength(
      expected.filter(({ expireTime }) => expireTime !== 0).length,
    );
    for (const each of [snapshot, published]) each.release();

    const held = tree.snapshot(unbounded);
    for (const { key } of expected) {
      expect(tree.remove(key)).not.toBe(noRef);
      tree.publish(revision + 1, time);
    }
    expect([...held.view.scan(all, false)]).toEqual(expected);
    held.release();
    tree.verify();
    expect([tree.usage.liveBytes, tree.size]).toEqual([0, 0]);
  }
  expect(files.openFiles).toBe(0);
});

test(`an image is written beside writes, at one revision (seed ${seed})`, async () => {
  const source = new RandomTree(createRandom(seed), () => "x".repeat(20_000));
  source.write(500);
  const state = stateOf(source.tree);
  const files = await createFiles();
  let writes = 0;
  files.intercept = ({ operation }) => {
    if (operation === "write") source.write(++writes);
    return undefined;
  };
  await write(files, source.tree);
  expect(writes).toBeGreaterThan(5);
  files.intercept = () => undefined;
  const { tree, errors } = await open(files);
  expect([errors, stateOf(tree as Tree)]).toEqual([[], state]);
  source.tree.verify();
});

test("no page of an image is taken for one of the version under way", async () => {
  const head = { createRevision: 1, version: 1, updateTime: 1, expireTime: 0 };
  const source = new Tree(reserveSlabs(1));
  for (const key of ["a", "b"]) source.put({ ...head, key, value: "before", revision: 1 });
  source.publish(1, 1);
  const files = await createFiles();
  await write(files, source);
  const { tree } = (await open(files)) as { tree: Tree };
  const { view, release } = tree.snapshot(unbounded);
  tree.put({ ...head, key: "b", value: "after", revision: 2 });
  tree.publish(2, 2);
  expect([view.get("b")?.value, tree.get("b")?.value]).toEqual(["before", "after"]);
  release();
  tree.verify();
});

test("the image of a small tree is opened in less memory than the tree had", async () => {
  const source = new Tree(reserveSlabs(4));
  const entry = { key: "a", revision: 1, createRevision: 1, version: 1, updateTime: 1, expireTime: 0 };
  source.put({ ...entry, value: "b" });
  source.publish(1, 1);
  const files = await createFiles();
  await write(files, source);
  const { tree, errors } = await open(files);
  expect([errors, tree?.get("a")?.value]).toEqual([[], "b"]);
});

test("the image of another store, and one that is too large, are thrown away", async () => {
  const source = new RandomTree(createRandom(1));
  source.write(100);
  const files = await createFiles();
  expect(await open(files)).toEqual({ tree: undefined, note: undefined, errors: [] });
  await write(files, source.tree);
  expect((await open(files, "other")).errors).toEqual(["Error: it belongs to another store"]);
  expect(files.names()).not.toContain("image");

  const large = new Tree(reserveSlabs(2));
  const value = new Uint8Array(60 * 2 ** 20);
  for (const key of ["a", "b"]) {
    large.put({ key, value, revision: 1, createRevision: 1, version: 1, updateTime: 1, expireTime: 0 });
  }
  large.publish(1, 1);
  const source2 = large.imageSource(unbounded);
  await writeImage(
    files,
    path,
    { ...source2, table: source2.table.fill(255) },
    { id: "store", note: Buffer.alloc(0) },
  );
  expect((await open(files)).errors).toEqual([
    "Error: it has 1985 blocks of 64 KiB; the store may have 1024",
  ]);
});

test(`an image that is cut or changed anywhere is thrown away (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const source = new RandomTree(random, smallValue);
  source.write(600);
  const files = await createFiles();
  await write(files, source.tree);
  const bytes = Buffer.from(files.content(path));
  const places = [
    ...Array.from({ length: 100 }, (_, percent) => Math.floor((bytes.length * percent) / 100)),
    ...Array.from({ length: 100 }, (_, index) => index),
    bytes.length - 1,
  ];
  const expectThrownAway = async (content: Buffer) => {
    files.replace(path, content);
    const { tree, errors } = await open(files);
    expect([tree, errors.length, files.names()]).toEqual([undefined, 1, []]);
  };
  for (const [index, place] of places.entries()) {
    if (index % stride !== seed % stride) continue;
    await expectThrownAway(bytes.subarray(0, place));
    const changed = Buffer.from(bytes);
    changed[place] = (bytes[place] as number) ^ (1 << random.below(8));
    await expectThrownAway(changed);
  }
  await expectThrownAway(Buffer.concat([bytes, Buffer.of(0)]));
});

/** Files with the image of `tree`, all of it durable. */
async function filesWith(tree: Tree): Promise<MemoryFileSystem> {
  const files = await createFiles();
  await write(files, tree);
  return files.copy();
}

/** The calls of writing an image over an older one. */
async function countCalls(older: Tree, newer: Tree): Promise<number> {
  const files = await filesWith(older);
  await write(files, newer);
  return files.calls;
}

test(`after a fault in any call the older image or the new one is left (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const [older, newer] = [new RandomTree(random, smallValue), new RandomTree(random, smallValue)];
  older.write(20);
  newer.write(60);
  const states = [stateOf(older.tree), stateOf(newer.tree)];
  const calls = await countCalls(older.tree, newer.tree);
  expect(calls).toBeGreaterThan(5);
  for (let number = 1 + (seed % stride); number <= calls; number += stride) {
    for (const after of ["nothing", "half", "all"] as const) {
      const files = await filesWith(older.tree);
      files.intercept = (call) => (call.number === number ? { code: "EIO", after } : undefined);
      await expect(write(files, newer.tree)).rejects.toThrow("EIO");
      files.intercept = () => undefined;
      const { tree, errors } = await open(files);
      expect([errors, files.openFiles]).toEqual([[], 0]);
      expect(states).toContain(stateOf(tree as Tree));
      await write(files, newer.tree);
      expect(stateOf((await open(files)).tree as Tree)).toBe(states[1]);
    }
    const short = await filesWith(older.tree);
    short.intercept = (call) => (call.number === number && call.operation === "write" ? "short" : undefined);
    await write(short, newer.tree);
    expect(stateOf((await open(short)).tree as Tree)).toBe(states[1]);
  }
  expect(older.tree.usage.snapshots + newer.tree.usage.snapshots).toBe(0);
});

test(`after a crash or a power cut before any call an image is whole or thrown away (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const [older, newer] = [new RandomTree(random, smallValue), new RandomTree(random, smallValue)];
  older.write(20);
  newer.write(60);
  const states = [stateOf(older.tree), stateOf(newer.tree)];
  const calls = await countCalls(older.tree, newer.tree);
  for (let number = 1 + (seed % stride); number <= calls + 1; number += stride) {
    const files = await filesWith(older.tree);
    files.killBefore(number);
    await write(files, newer.tree).catch(() => {});
    const outcomes = [
      files.afterKill(),
      files.afterPowerCut(),
      files.afterPowerCut(() => true),
      files.afterPowerCut(() => random.chance(0.5)),
    ];
    for (const left of outcomes) {
      const { tree, errors } = await open(left);
      // The rename comes after the sync, so no power cut leaves a part of an image.
      expect(errors).toEqual([]);
      expect(states).toContain(stateOf(tree as Tree));
    }
    if (number === calls + 1) {
      expect(stateOf((await open(files.afterPowerCut())).tree as Tree)).toBe(states[1]);
    }
  }
});

test("a file that cannot be read, or not removed, is reported, and the log is used", async () => {
  const source = new RandomTree(createRandom(1));
  source.write(10);
  for (const operation of ["open", "read", "size"]) {
    const files = await filesWith(source.tree);
    files.intercept = (call) =>
      call.operation === operation ? { code: "EIO", after: "nothing" } : undefined;
    const { tree, errors } = await open(files);
    expect([tree, errors]).toEqual([undefined, ["Error: EIO: made up by a test"]]);
    expect(files.names()).toEqual([]);
  }
  const files = await filesWith(source.tree);
  files.intercept = () => ({ code: "EIO", after: "nothing" });
  expect((await open(files)).errors).toHaveLength(2);
});

test("an image whose pin is ended is given up", async () => {
  const source = new RandomTree(createRandom(1), () => "x".repeat(20_000));
  source.write(200);
  const files = await createFiles();
  const image = source.tree.imageSource({ ...unbounded, retiredBytesMax: 50_000 });
  files.intercept = ({ operation }) => {
    if (operation === "write") source.write(10);
    return undefined;
  };
  const options = { id: "store", note: Buffer.alloc(0) };
  await expect(writeImage(files, path, image, options)).rejects.toMatchObject({
    reason: "SNAPSHOT_TOO_SLOW",
  });
  expect([files.names(), files.openFiles, source.tree.usage.snapshots]).toEqual([[], 0, 0]);
});
