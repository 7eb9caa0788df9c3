import { expect, test } from "vitest";
import { Allocator } from "../../../src/store/memory/allocator.ts";
import { Demand } from "../../../src/store/memory/demand.ts";
import { recordBytes } from "../../../src/store/memory/record-format.ts";
import { type Ref, reserveSlabs, wordOf } from "../../../src/store/memory/slabs.ts";
import { createRandom, seed } from "../../support/random.ts";

test(`a demand for which there is room is met in any order (seed ${seed})`, () => {
  const random = createRandom(seed);
  const slabs = reserveSlabs(2);
  const verdicts = { room: 0, noRoom: 0 };
  for (let round = 0; round < 60; round++) {
    const allocator = new Allocator(slabs);
    const use = (ref: Ref) => {
      slabs.wordsOf(ref)[wordOf(ref)] = 0;
      return ref;
    };
    // Holes of all lengths.
    const refs: Ref[] = [];
    while (allocator.freeBlocks > 30)
      refs.push(use(allocator.allocateRecord(40_000 * (1 + random.below(8)))));
    const share = random.below(100) / 100;
    for (const ref of refs) if (random.chance(share)) allocator.free(ref);

    for (let attempt = 0; attempt < 60; attempt++) {
      const demand = new Demand();
      const allocations: number[] = [];
      const puts = 1 + random.below(random.pick([4, 40, 400]));
      const valueMax = random.pick([100, 30_000, 200_000, 600_000]);
      for (let put = 0; put < puts; put++) {
        const valueBytes = Math.floor((random.below(1000) / 1000) ** 3 * valueMax);
        demand.put(recordBytes(5, valueBytes, put % 2 === 0));
        allocations.push(recordBytes(5, valueBytes, put % 2 === 0));
      }
      if (!allocator.hasRoom(demand, demand.blocks(2))) {
        verdicts.noRoom++;
        continue;
      }
      verdicts.room++;
      for (let page = 0; page < 2 * 2 * puts; page++) allocations.push(0);
      const taken: Ref[] = [];
      while (allocations.length > 0) {
        const [bytes] = allocations.splice(random.below(allocations.length), 1) as [number];
        taken.push(use(bytes === 0 ? allocator.allocatePage() : allocator.allocateRecord(bytes)));
      }
      for (const ref of taken) allocator.free(ref);
    }
  }
  expect(Math.min(verdicts.room, verdicts.noRoom)).toBeGreaterThan(100);
});

test("a single block may spoil a place for a run", () => {
  const allocator = new Allocator(reserveSlabs(1));
  const refs: Ref[] = [];
  while (allocator.freeBlocks > 0) refs.push(allocator.allocateRecord(40_000));
  const free = (start: number, end: number) => {
    for (const ref of refs.slice(start, end)) allocator.free(ref);
  };
  free(0, 20);
  free(40, 41);
  const demand = new Demand();
  for (let run = 0; run < 2; run++) demand.put(recordBytes(5, 600_000, false));
  demand.put(recordBytes(5, 5, false));
  // 20 blocks in a row hold two runs of 10, but not after another block.
  expect(allocator.hasRoom(demand, 21)).toBe(false);
  expect(allocator.hasRoom(demand, 22)).toBe(false);
  free(100, 200);
  expect(allocator.hasRoom(demand, 21)).toBe(true);
});

test(`two demands take no more than their sum, and no less than both together (seed ${seed})`, () => {
  const random = createRandom(seed);
  const [sum, together] = [new Demand(), new Demand()];
  for (let round = 0; round < 300; round++) {
    const next = new Demand();
    for (let change = random.below(40); change > 0; change--) {
      const valueBytes = random.below(random.pick([100, 40_000, 300_000]));
      for (const demand of [next, together]) {
        if (change % 4 === 0) demand.remove();
        else demand.put(recordBytes(9, valueBytes, false));
      }
    }
    const both = sum.blocks(3, next);
    sum.add(next);
    expect(both).toBeGreaterThanOrEqual(sum.blocks(3));
    const figures = ({ puts, runs, longestRun }: Demand) => [puts, runs, longestRun];
    expect([...figures(sum), sum.blocks(3)]).toEqual([...figures(together), together.blocks(3)]);
  }
  sum.clear();
  expect(sum).toEqual(new Demand());
  expect(sum.blocks(3)).toBe(0);
});

test("counts a block for each class, and each run", () => {
  const demand = new Demand();
  demand.remove();
  expect([demand.puts, demand.runs, demand.blocks(3)]).toEqual([0, 0, 1]);
  // 1,023 records of 64 bytes fit into one block; their pages are at most 1,024 × (2 × (1 + 3) + 1).
  for (let put = 0; put < 1023; put++) demand.put(recordBytes(12, 20, false));
  expect(demand.blocks(1)).toBe(144 + 1);
  demand.put(recordBytes(12, 12, true));
  demand.put(recordBytes(12, 20, false));
  expect(demand.blocks(1)).toBe(145 + 2);
  demand.put(recordBytes(12, 65_536, false));
  expect([demand.runs, demand.longestRun, demand.blocks(1)]).toEqual([1, 2, 145 + 2 + 2]);
});
