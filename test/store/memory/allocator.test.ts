import { expect, test } from "vitest";
import { Allocator } from "../../../src/store/memory/allocator.ts";
import { slotBytesMax } from "../../../src/store/memory/size-classes.ts";
import { blockBytes, blockOf, type Ref, reserveSlabs, wordOf } from "../../../src/store/memory/slabs.ts";
import { createRandom, seed } from "../../support/random.ts";

/** Fills what was allocated with its mark, so that overlapping memory shows. */
function fill(slabs: ReturnType<typeof reserveSlabs>, ref: Ref, bytes: number, mark: number): void {
  slabs.wordsOf(ref).fill(mark, wordOf(ref), wordOf(ref) + Math.floor(bytes / 4));
}

function expectFilled(slabs: ReturnType<typeof reserveSlabs>, ref: Ref, bytes: number, mark: number): void {
  const words = slabs.wordsOf(ref).subarray(wordOf(ref), wordOf(ref) + Math.floor(bytes / 4));
  expect(words.every((word) => word === mark)).toBe(true);
}

test(`gives memory to one user at a time (seed ${seed})`, () => {
  const random = createRandom(seed);
  const slabs = reserveSlabs(2);
  const allocator = new Allocator(slabs);
  const used: { ref: Ref; bytes: number; mark: number; isPage: boolean }[] = [];
  for (let step = 0; step < 6000; step++) {
    // Phases of growth and of decline.
    if (random.chance(step % 2000 < 1000 ? 0.7 : 0.2)) {
      const isPage = random.chance(0.1);
      const bytes = isPage ? 1024 : random.pick([40, 64, 200, 1000, slotBytesMax, slotBytesMax + 1, 200_000]);
      const size = isPage ? bytes : Math.max(40, Math.floor(bytes * (1 - random.below(100) / 1000)));
      const ref = isPage ? allocator.allocatePage() : allocator.allocateRecord(size);
      fill(slabs, ref, size, step);
      used.push({ ref, bytes: size, mark: step, isPage });
    } else if (used.length > 0) {
      const [freed] = used.splice(random.below(used.length), 1);
      if (freed === undefined) continue;
      expectFilled(slabs, freed.ref, freed.bytes, freed.mark);
      allocator.free(freed.ref);
    }
    if (step % 500 === 0) allocator.verify();
    if (step % 1500 === 700) allocator.closeSparsest(1, 64);
    if (step % 1500 === 1100) allocator.reopen();
  }
  const live = used.reduce((sum, { ref }) => sum + allocator.sizeOf(ref), 0);
  expect(allocator.liveBytes).toBe(live);
  for (const { ref, bytes, mark } of used) expectFilled(slabs, ref, bytes, mark);
  for (const { ref } of used) allocator.free(ref);
  allocator.verify();
  expect([allocator.liveBytes, allocator.usedBytes]).toEqual([0, 0]);
});

test("gives no slots of a closed block until it is reopened", () => {
  const slabs = reserveSlabs(1);
  const allocator = new Allocator(slabs);
  const allocate = () => {
    const ref = allocator.allocateRecord(64);
    fill(slabs, ref, 64, 1);
    return ref;
  };
  const perBlock = blockBytes / 64;
  const refs = Array.from({ length: 2 * perBlock }, allocate);
  for (const ref of refs.slice(0, 100)) allocator.free(ref);
  expect(allocator.closeSparsest(1, 64)).toBe(-1);
  for (const ref of refs.slice(perBlock, perBlock + 50)) allocator.free(ref);
  expect(allocator.closeSparsest(0.5, 64)).toBe(-1);

  const closed = allocator.closeSparsest(1, 64);
  expect(closed).toBe(blockOf(refs[0] as Ref));
  allocator.free(refs[100] as Ref);
  allocator.verify();
  const others = Array.from({ length: 200 }, () => blockOf(allocate()));
  expect(others).not.toContain(closed);
  allocator.reopen();
  allocator.verify();
  expect(blockOf(allocate())).toBe(closed);
});

test("refuses to free a slot twice", () => {
  const allocator = new Allocator(reserveSlabs(1));
  const [one, other] = [allocator.allocateRecord(64), allocator.allocateRecord(64)];
  allocator.free(one);
  expect(() => allocator.free(one)).toThrow("already free");
  allocator.free(other);
  expect(() => allocator.free(other)).toThrow("already free");
  const run = allocator.allocateRecord(100_000);
  allocator.free(run);
  expect(() => allocator.free(run)).toThrow("already free");
});

test("throws when the slabs are exhausted, and goes on when there is room again", () => {
  const allocator = new Allocator(reserveSlabs(1));
  const refs: Ref[] = [];
  expect(() => {
    for (;;) refs.push(allocator.allocateRecord(10 * blockBytes));
  }).toThrow("the memory of the store is exhausted");
  // Block 0 is never used.
  expect(refs).toHaveLength(102);
  allocator.free(refs[50] as Ref);
  expect(() => allocator.allocateRecord(11 * blockBytes)).toThrow("exhausted");
  expect(allocator.allocateRecord(10 * blockBytes)).toBe(refs[50]);
  allocator.verify();
});
