import { expect, test } from "vitest";
import { covers, join, partsOf, selects, unite, without } from "../../console/src/live/selection.ts";

test("a united selection selects each key once", () => {
  const united = unite([
    { keys: ["a/1", "b"], prefixes: ["config/deep/"] },
    { keys: ["b"], prefixes: ["a/", "config/"] },
  ]);
  expect(united).toEqual({ keys: ["b"], prefixes: ["a/", "config/"] });
  expect(
    unite([
      { keys: ["b"], prefixes: ["x"] },
      { keys: [], prefixes: [""] },
    ]),
  ).toEqual({
    keys: [],
    prefixes: [""],
  });
});

test("selects keys by name and by prefix", () => {
  const selection = { keys: ["a"], prefixes: ["b/"] };
  expect(["a", "b/x", "ab", "b"].map((key) => selects(selection, key))).toEqual([true, true, false, false]);
});

test("a selection covers what it selects as a whole", () => {
  const outer = { keys: ["a"], prefixes: ["b/"] };
  expect(covers(outer, { keys: ["a", "b/x"], prefixes: ["b/c"] })).toBe(true);
  expect(covers(outer, { keys: [], prefixes: ["a"] })).toBe(false);
  expect(covers(outer, { keys: ["c"], prefixes: [] })).toBe(false);
});

test("a selection without another one has the other keys and prefixes, covered or not", () => {
  const selection = join([
    { keys: ["a", "b"], prefixes: ["", "p/"] },
    { keys: ["a"], prefixes: ["p/"] },
  ]);
  expect(selection).toEqual({ keys: ["a", "b"], prefixes: ["", "p/"] });
  const rest = without(selection, { keys: ["b", "p/"], prefixes: ["", "a"] });
  expect(rest).toEqual({ keys: ["a"], prefixes: ["p/"] });
  expect(partsOf(rest)).toEqual([
    { keys: ["a"], prefixes: [] },
    { keys: [], prefixes: ["p/"] },
  ]);
});
