import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { quoteForShell } from "../../console/src/format.ts";

test("a key is one word for a shell, whatever it contains", () => {
  for (const key of ["a/b", "x;echo evil|sh", 'it\'s $(id) `id` !! "q" \\', "-n"]) {
    const command = `printf %s ${quoteForShell(key)}`;
    expect(execFileSync("sh", ["-c", command], { encoding: "utf8" })).toBe(key);
  }
  expect(["a\nb", "\u202ea", ""].map(quoteForShell)).toEqual([undefined, undefined, undefined]);
});
