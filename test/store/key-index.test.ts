import BTreeModule from "sorted-btree";
import { expect, test, vi } from "vitest";
import { KeyIndex } from "../../src/store/key-index.ts";
import { toOrderKey } from "../../src/store/key-order.ts";
import { createRandom, seed } from "../support/random.ts";

test(`counts a range without a walk through its keys (seed ${seed})`, () => {
  const random = createRandom(seed);
  const index = new KeyIndex();
  const key = () => `${random.pick(["a/", "a/b/", "", "\uffff", "\u{1f600}"])}${random.below(5000)}`;
  for (let round = 0; round < 20; round++) {
    for (let change = 0; change < 800; change++) {
      if (random.chance(round < 10 ? 0.2 : 0.8)) index.delete(key());
      else index.add(key());
    }
    for (let count = 0; count < 20; count++) {
      const start = random.chance(0.1) ? "" : toOrderKey(key());
      const end = random.chance(0.1) ? undefined : toOrderKey(key());
      const range = { start, end };
      const walk = vi.spyOn(BTreeModule.default.prototype, "forRange");
      const counted = index.count(range);
      expect(walk).not.toHaveBeenCalled();
      walk.mockRestore();
      // A scan has no meaning for a range that ends before it begins.
      const isEmpty = end !== undefined && end <= start;
      expect(counted).toBe(isEmpty ? 0 : [...index.scan(range, false)].length);
    }
  }
});
