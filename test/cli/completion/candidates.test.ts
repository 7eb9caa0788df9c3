import { expect, test } from "vitest";
import { findCompletion } from "../../../src/cli/completion/candidates.ts";

/** The candidates, or the kind of those that are not in the table. */
function complete(...words: string[]): readonly string[] | string {
  const completion = findCompletion(words);
  return completion.kind === "words" ? completion.words.map(({ word }) => word) : completion.kind;
}

test("completes the names of commands, word by word", () => {
  expect(complete("")).toEqual(expect.arrayContaining(["get", "snapshot", "completion"]));
  expect(complete("")).not.toContain("complete");
  expect(complete("snapshot", "")).toEqual(["save", "verify", "restore"]);
  expect(complete("--json", "log", "")).toEqual(["verify", "repair", "cat"]);
  expect(complete("none", "")).toEqual([]);
});

test.each([
  [["get", ""], "keys"],
  [["get", "a", ""], []],
  [["del", "a", "b", ""], "keys"],
  [["ls", ""], "keys"],
  [["watch", "--prefix", ""], "keys"],
  [["watch", "--prefix=a"], "keys"],
  [["get", "--", "-a"], "keys"],
  [["put", "a", "--file", ""], "files"],
  [["snapshot", "save", ""], "files"],
  [["--cacert", "ca.pem", "get", ""], "keys"],
  [["lock", ""], "keys"],
  [["lock", "a", "--", ""], "files"],
  [["context", "use", ""], "contexts"],
  [["get", "a", "--context", ""], "contexts"],
  [
    ["import", "--mode", ""],
    ["put", "create", "mirror"],
  ],
  [
    ["import", "--mode="],
    ["--mode=put", "--mode=create", "--mode=mirror"],
  ],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
  [["put", "a", "--ttl", ""], []],
] as const)("completes %j", (words, expected) => {
  expect(complete(...words)).toEqual(expected);
});

test("completes flags that are not given yet", () => {
  const flags = complete("get", "a", "--local", "--server", "x:1", "-");
  expect(flags).toEqual(expect.arrayContaining(["--at", "--json", "--server"]));
  expect(flags).not.toContain("--local");
  expect(flags).not.toContain("--prefix");
});
