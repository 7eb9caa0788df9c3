import { expect, test } from "vitest";
import { recordClass, slotBytes, slotBytesMax } from "../../../src/store/memory/size-classes.ts";
import {
  blockOf,
  blocksPerSlab,
  growingSlabs,
  noRef,
  type Reservation,
  refIn,
  reserveSlabs,
  slabBytes,
  slabOf,
  slabsMax,
  wordOf,
} from "../../../src/store/memory/slabs.ts";

test("refs reach every unit of 32 GiB in 32 bits", () => {
  for (const slab of [0, 1, 255, 256, slabsMax - 1]) {
    for (const [block, unit] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [blocksPerSlab - 1, 8191],
    ] as const) {
      const ref = refIn(slab * blocksPerSlab + block, unit);
      expect(ref).toBe(ref | 0);
      expect([slabOf(ref), blockOf(ref)]).toEqual([slab, slab * blocksPerSlab + block]);
      expect(wordOf(ref)).toBe(block * 16_384 + unit * 2);
    }
  }
  expect(refIn(0, 0)).toBe(noRef);
});

test("copies within a slab and between slabs", () => {
  const slabs = reserveSlabs(2);
  const source = refIn(5, 10);
  slabs.wordsOf(source).set([1, 2, 3, 4], wordOf(source));
  for (const target of [refIn(5, 12), refIn(blocksPerSlab + 7, 0)]) {
    slabs.copy(source, target, 16);
    expect([...slabs.wordsOf(target).subarray(wordOf(target), wordOf(target) + 5)]).toEqual([1, 2, 3, 4, 0]);
  }
});

/** Gives the first `slabs` slabs. */
function givesOnly(slabs: number): Reservation {
  let reserved = 0;
  const reserve = (bytes: number) => {
    expect(bytes).toBe(slabBytes);
    if (++reserved > slabs) throw new RangeError("Array buffer allocation failed");
    return new SharedArrayBuffer(8);
  };
  return { reserve };
}

test("says how much memory the operating system gave when it refuses", () => {
  expect(() => reserveSlabs(8, givesOnly(3))).toThrow(
    /^cannot reserve 512 MiB .* gave 192 MiB\. Lower the limit .*overcommit/,
  );
  expect(() => reserveSlabs(8, { ...givesOnly(8), slabsMin: 7 })).not.toThrow();
  expect(() => reserveSlabs(0)).toThrow("1 to 512 slabs");
  expect(() => reserveSlabs(slabsMax + 1)).toThrow("1 to 512 slabs");
});

test("is content with fewer slabs, and leaves some to the process", () => {
  expect(reserveSlabs(8, { ...givesOnly(5), slabsMin: 3 }).bytes).toBe(3 * slabBytes);
  expect(reserveSlabs(8, { ...givesOnly(8), slabsMin: 3 }).bytes).toBe(8 * slabBytes);
  expect(() => reserveSlabs(8, { ...givesOnly(5), slabsMin: 4 })).toThrow("gave 320 MiB");
  expect(() => reserveSlabs(8, { ...givesOnly(1), slabsMin: 0 })).toThrow("gave 64 MiB");
});

test("grows until it has all slabs, or the operating system refuses", () => {
  const slabs = growingSlabs(3, givesOnly(9).reserve);
  expect([slabs.bytes, slabs.bytesMax]).toEqual([slabBytes, 3 * slabBytes]);
  expect([slabs.grow(), slabs.grow(), slabs.grow()]).toEqual([true, true, false]);
  expect(slabs.bytes).toBe(3 * slabBytes);

  const refused = growingSlabs(5, givesOnly(2).reserve);
  expect([refused.grow(), refused.grow(), refused.grow()]).toEqual([true, false, false]);
  expect([refused.bytes, refused.bytesMax]).toEqual([2 * slabBytes, 2 * slabBytes]);
  expect(() => growingSlabs(5, givesOnly(0).reserve)).toThrow("gave 0 MiB");
});

test("a slot is at most an eighth larger than its content", () => {
  const isGood = (bytes: number) => {
    const size = slotBytes(recordClass(bytes));
    return size >= bytes && size % 8 === 0 && size < Math.max(bytes + 8, (bytes * 9) / 8);
  };
  const sizes = Array.from({ length: slotBytesMax - 39 }, (_, index) => 40 + index);
  expect(sizes.filter((bytes) => !isGood(bytes))).toEqual([]);
});
