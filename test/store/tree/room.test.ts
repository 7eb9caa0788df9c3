import { expect, test } from "vitest";
import { MemoryFullError } from "../../../src/store/memory/block-map.ts";
import { Demand } from "../../../src/store/memory/demand.ts";
import { recordBytes } from "../../../src/store/memory/record-format.ts";
import { blockBytes, reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { createRandom, type Random, seed } from "../../support/random.ts";

const text = "x".repeat(300_000);
const head = { revision: 1, createRevision: 1, version: 1, updateTime: 1 };

interface Change {
  readonly key: string;
  /** The length of the value; undefined for a removal. */
  readonly length: number | undefined;
  readonly expireTime: number;
}

function randomBatch(random: Random, lengths: readonly number[]): readonly Change[] {
  return Array.from({ length: 1 + random.below(random.pick([1, 3, 200])) }, () => ({
    key: `key ${random.below(6000)}`,
    length: random.chance(0.3)
      ? undefined
      : Math.floor(random.pick(lengths) * (0.8 + random.below(20) / 100)),
    expireTime: random.below(2),
  }));
}

function demandOf(changes: readonly Change[]): Demand {
  const demand = new Demand();
  for (const { key, length, expireTime } of changes) {
    if (length === undefined) demand.remove();
    else demand.put(recordBytes(key.length, length, expireTime !== 0));
  }
  return demand;
}

/** Makes one change. Returns false when the memory is full. */
function change(tree: Tree, { key, length, expireTime }: Change): boolean {
  try {
    if (length === undefined) tree.remove(key);
    else tree.put({ ...head, key, value: text.slice(0, length), expireTime });
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryFullError);
    return false;
  }
}

test.each([
  { name: "values in slots", lengths: [0, 15_000, 30_000, 30_000] },
  { name: "values of whole blocks", lengths: [40_000, 60_000, 70_000, 300_000] },
  { name: "values of all sizes", lengths: [10, 500, 30_000, 100_000, 300_000] },
])(
  `a batch that fits into a store almost full is put without an error: $name (seed ${seed})`,
  ({ lengths }) => {
    const random = createRandom(seed);
    const tree = new Tree(reserveSlabs(1));
    let fitting = 0;
    let refused = 0;
    let full = 0;
    for (let batch = 0; batch < 800; batch++) {
      const changes = randomBatch(random, lengths);
      const demand = demandOf(changes);
      if (tree.fits(demand)) {
        fitting++;
        for (const each of changes) {
          if (random.chance(0.05)) tree.evacuate(random.below(100), demand);
          if (!change(tree, each)) expect.fail(`batch ${batch} fits, but the memory is full`);
        }
      } else {
        // It is tried all the same, now and then, so that there is hardly a free block.
        refused++;
        if (random.chance(0.3)) for (const each of changes) if (!change(tree, each)) full++;
      }
      if (batch % 10 === 0 && random.chance(0.7)) tree.evacuate(random.below(100));
      tree.publish(1, 1);
      if (batch % 300 === 0) tree.verify();
    }
    tree.verify();
    expect([fitting > 100, refused > 20, full > 0]).toEqual([true, true, true]);
  },
);

test("a store that is full takes removals, and then puts", () => {
  const tree = new Tree(reserveSlabs(1));
  const puts = (count: number, length: number) =>
    Array.from({ length: count }, (_, index) => ({ key: `key ${index}`, length, expireTime: 0 }));
  let count = 0;
  for (;;) {
    const one = { key: `key ${count}`, length: 8000, expireTime: 0 };
    if (!tree.fits(demandOf([one]))) break;
    expect(change(tree, one)).toBe(true);
    if (++count % 64 === 0) tree.publish(1, 1);
  }
  tree.publish(1, 1);
  expect(tree.usage.usedBytes).toBeGreaterThan(0.9 * tree.usage.reservedBytes);

  const removals = puts(300, 0).map((each) => ({ ...each, length: undefined }));
  expect(tree.fits(demandOf(removals))).toBe(true);
  for (const each of removals) expect(change(tree, each)).toBe(true);
  for (let version = 0; version < 100; version++) {
    tree.evacuate(100);
    tree.publish(1, 1);
  }
  expect(tree.fits(demandOf(puts(1, 8000)))).toBe(true);
  tree.verify();
});

test("evacuation leaves room for a batch that waits", () => {
  const tree = new Tree(reserveSlabs(1));
  const put = (index: number, length: number) => change(tree, { key: `key ${index}`, length, expireTime: 0 });
  // Blocks of 4 that are half empty.
  for (let index = 0; index < 2000; index++) expect(put(index, 14_000)).toBe(true);
  tree.publish(1, 1);
  for (let index = 0; index < 2000; index++) if (index % 4 < 2) tree.remove(`key ${index}`);
  tree.publish(2, 2);
  const demand = new Demand();
  while (tree.fits(demand)) demand.put(recordBytes(8, 30_000, false));
  // Beyond what `fits` leaves.
  for (let more = 0; more < 200; more++) demand.put(recordBytes(8, 30_000, false));
  expect(tree.evacuate(1000, demand)).toBe(0);
  expect(tree.evacuate(1000)).toBeGreaterThan(0);
  tree.verify();
});

test("a change that finds no memory changes nothing", () => {
  const slabs = reserveSlabs(1);
  const tree = new Tree(slabs);
  tree.put({ ...head, key: "small", value: "", expireTime: 0 });
  tree.publish(1, 1);
  // Two blocks are in use, for a page and a small record; the block 0 cannot be used.
  const left = slabs.bytes - 3 * blockBytes;
  expect(() => tree.put({ ...head, key: "large", value: new Uint8Array(left), expireTime: 0 })).toThrow(
    MemoryFullError,
  );
  tree.verify();
  // All blocks: none is left for pages.
  expect(() => tree.put({ ...head, key: "large", value: new Uint8Array(left - 100), expireTime: 0 })).toThrow(
    "no free block for pages",
  );
  tree.verify();
  expect([tree.size, tree.get("large"), tree.get("small")?.value]).toEqual([1, undefined, ""]);
  tree.put({ ...head, key: "large", value: new Uint8Array(left - blockBytes - 100), expireTime: 0 });
  tree.publish(2, 2);
  tree.verify();
});
