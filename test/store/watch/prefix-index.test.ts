import { expect, test } from "vitest";
import { PrefixIndex } from "../../../src/store/watch/prefix-index.ts";
import { createRandom, seed } from "../../support/random.ts";

test(`finds what a look at each prefix finds, while prefixes come and go (seed ${seed})`, () => {
  const random = createRandom(seed);
  const index = new PrefixIndex<string>();
  const added: { readonly prefix: string; readonly item: string }[] = [];
  const text = () =>
    Array.from({ length: random.below(20) }, () => random.pick(["a", "b", "\u{1f600}"])).join("");
  for (let step = 0; step < 3000; step++) {
    if (added.length > 0 && random.chance(0.45)) {
      const [gone] = added.splice(random.below(added.length), 1);
      if (gone !== undefined) index.delete(gone.prefix, gone.item);
    } else {
      const each = { prefix: text(), item: `${random.below(3)}` };
      if (!added.some(({ prefix, item }) => prefix === each.prefix && item === each.item)) {
        index.add(each.prefix, each.item);
        added.push(each);
      }
    }
    const key = text();
    const expected = added.filter(({ prefix }) => key.startsWith(prefix)).map(({ item }) => item);
    expect([...index.matching(key)].toSorted()).toEqual(expected.toSorted());
  }
  for (const { prefix, item } of added) index.delete(prefix, item);
  expect([...index.matching("")]).toEqual([]);
});

test("finds one prefix among a thousand lengths", () => {
  const index = new PrefixIndex<string>();
  for (let length = 0; length < 1000; length++) index.add(`${"a".repeat(length)}b`, `${length}`);
  expect([...index.matching(`${"a".repeat(500)}b${"c".repeat(500)}`)]).toEqual(["500"]);
  expect([...index.matching("a".repeat(1024))]).toEqual([]);
});
