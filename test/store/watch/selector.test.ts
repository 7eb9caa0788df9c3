import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromOrderKey, toOrderKey } from "../../../src/store/key-order.ts";
import { createMatcher, partsOf, rangesOf, unite } from "../../../src/store/watch/selector.ts";

const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "\uffee", "\u{1f600}"), maxLength: 4 });

test("a union selects the keys of all its parts, in ranges that do not overlap", () => {
  fc.assert(
    fc.property(fc.array(text), fc.array(text), fc.array(text), (keys, prefixes, candidates) => {
      const selector = unite(keys, prefixes);
      const matches = createMatcher(selector);
      const ranges = rangesOf(selector);
      for (const key of [...keys, ...candidates]) {
        const all = keys.length + prefixes.length === 0;
        const expected = all || keys.includes(key) || prefixes.some((prefix) => key.startsWith(prefix));
        expect([key, matches(key)]).toEqual([key, expected]);
        const order = toOrderKey(key);
        const holding = ranges.filter(
          ({ start, end }) => start <= order && (end === undefined || order < end),
        );
        expect([key, holding.length]).toEqual([key, expected ? 1 : 0]);
      }
      const starts = ranges.map(({ start }) => start);
      expect(starts).toEqual(starts.toSorted());
      expect(starts.map(fromOrderKey).toSorted()).toEqual(
        [...partsOf(selector).keys, ...partsOf(selector).prefixes].toSorted(),
      );
    }),
  );
});

test("the same selection has the same parts, however it was written", () => {
  expect(unite(["b", "a/1", "b"], ["a/", "a/b", "a/"])).toEqual(unite(["b"], ["a/"]));
  expect(unite(["a"], [])).toEqual({ key: "a" });
  expect(unite(["ab"], ["a"])).toEqual({ prefix: "a" });
  expect(unite([], [])).toEqual({ prefix: "" });
});
