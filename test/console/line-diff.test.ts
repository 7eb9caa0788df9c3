import { expect, test } from "vitest";
import { diffLines, withoutFar } from "../../console/src/parts/line-diff.ts";
import { createRandom, seed } from "../support/random.ts";

function show(before: string, after: string): string[] {
  const signs = { same: " ", added: "+", removed: "-" };
  return diffLines(before, after).map(({ type, text }) => signs[type] + text);
}

test.each([
  ["a line is changed", "a\nb\nc", "a\nx\nc", [" a", "-b", "+x", " c"]],
  ["lines are added at the end", "a", "a\nb", [" a", "+b"]],
  ["a line is repeated", "a\na", "a", [" a", "-a"]],
  ["lines change places", "a\nb", "b\na", ["-a", " b", "+a"]],
  ["nothing is left", "a", "", ["-a", "+"]],
])("shows that %s", (_, before, after, lines) => {
  expect(show(before, after)).toEqual(lines);
});

test(`any two texts can be put together again from their difference (SEED=${seed})`, () => {
  const random = createRandom(seed);
  for (let round = 0; round < 2_000; round++) {
    const text = () =>
      Array.from({ length: random.below(12) }, () => random.pick(["a", "b", "c"])).join("\n");
    const [before, after] = [text(), text()];
    const lines = diffLines(before, after);
    const without = (type: string) => lines.filter((line) => line.type !== type).map((line) => line.text);
    expect(without("added").join("\n")).toBe(before);
    expect(without("removed").join("\n")).toBe(after);
  }
});

test("texts that are too large to compare line by line are shown as a whole", () => {
  const text = (word: string) => Array.from({ length: 3_000 }, (_, line) => `${word} ${line}`).join("\n");
  const lines = diffLines(text("old"), text("new"));
  expect(lines).toHaveLength(6_000);
  expect(lines[2_999]).toEqual({ type: "removed", text: "old 2999" });
});

test("lines far from a change are left out", () => {
  const before = Array.from("abcdefghij");
  const after = before.with(4, "X");
  const shown = withoutFar(diffLines(before.join("\n"), after.join("\n")), 1);
  expect(shown.map((line) => line?.text)).toEqual([undefined, "d", "e", "X", "f", undefined]);
});
