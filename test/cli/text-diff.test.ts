import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { toTextDiff } from "../../src/cli/text-diff.ts";
import { hasPrograms } from "../support/programs.ts";
import { createRandom, seed } from "../support/random.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

test("shows changed lines with three lines around them", () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`);
  const changed = lines.with(4, "another\n").toSpliced(17, 1);
  expect(toTextDiff(lines.join(""), changed.join(""), ["old", "new"])).toBe(
    [
      "--- old\n+++ new\n@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+another\n line 6\n line 7\n line 8\n",
      "@@ -15,6 +15,5 @@\n line 15\n line 16\n line 17\n-line 18\n line 19\n line 20\n",
    ].join(""),
  );
});

test("equal texts have no difference", () => {
  expect(toTextDiff("a\nb", "a\nb", ["old", "new"])).toBe("");
});

test("an end of the last line is a difference", () => {
  expect(toTextDiff("a", "a\n", ["old", "new"])).toBe(
    "--- old\n+++ new\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n",
  );
});

test.skipIf(!hasPrograms("patch"))(
  `patch makes the new text from the old one and any difference (seed ${seed})`,
  async () => {
    const directory = await temporaryDirectory();
    const random = createRandom(seed);
    const text = () => Array.from({ length: random.below(12) }, () => `${random.below(4)}\n`).join("");
    const pairs = Array.from({ length: 100 }, () => [text(), text()] as const);
    const name = (index: number) => `text-${index}`;
    for (const [index, [before]] of pairs.entries()) writeFileSync(join(directory, name(index)), before);
    const diffs = pairs.map(([before, after], index) =>
      toTextDiff(before, after, [name(index), name(index)]),
    );
    const options = ["--quiet", "--strip=0", `--directory=${directory}`];
    execFileSync("patch", options, { input: diffs.join("") });
    const patched = (index: number) => readFileSync(join(directory, name(index)), "utf8");
    // patch removes a file that has become empty.
    for (const [index, [, after]] of pairs.entries())
      expect(existsSync(join(directory, name(index))) ? patched(index) : "").toBe(after);
  },
);
