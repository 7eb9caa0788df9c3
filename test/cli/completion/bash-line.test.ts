import { expect, test } from "vitest";
import { readBashLine, toBashReply } from "../../../src/cli/completion/bash-line.ts";

const breaks = " \t\n\"'@><=;|&(:";

test.each([
  ["duetkv get a", { words: ["duetkv", "get", "a"], quote: "", kept: "" }],
  ["duetkv get ", { words: ["duetkv", "get", ""], quote: "", kept: "" }],
  ["duetkv get a:b", { words: ["duetkv", "get", "a:b"], quote: "", kept: "a:" }],
  ["duetkv get --at=1", { words: ["duetkv", "get", "--at=1"], quote: "", kept: "--at=" }],
  ['duetkv get "a b', { words: ["duetkv", "get", "a b"], quote: '"', kept: "" }],
  ['duetkv get x"a:b', { words: ["duetkv", "get", "xa:b"], quote: '"', kept: "x" }],
  ["duetkv get 'a\"b' c", { words: ["duetkv", "get", 'a"b', "c"], quote: "", kept: "" }],
  [String.raw`duetkv get a\ b\:`, { words: ["duetkv", "get", "a b:"], quote: "", kept: "" }],
  [String.raw`duetkv get "a\"\x`, { words: ["duetkv", "get", String.raw`a"\x`], quote: '"', kept: "" }],
] as const)("reads the words of %j", (line, expected) => {
  expect(readBashLine(line, breaks)).toEqual(expected);
});

test.each([
  ["", "", "a b'c/", String.raw`a\ b\'c/`],
  ["", "a:", "a:b$", String.raw`b\$`],
  ['"', "", 'a b"$', String.raw`a b\"\$`],
  ["'", "", 'a b"$', 'a b"$'],
  ["'", "", "a'b", undefined],
  // bash expands it from the history within these quotes, and a backslash before it stays in the word.
  ['"', "", "a!!", undefined],
  ["'", "", "a!!", "a!!"],
  ["", "", "a!!", String.raw`a\!\!`],
  ["", "x", "other", undefined],
] as const)("inserts into quote %j after %j the word %j", (quote, kept, word, reply) => {
  expect(toBashReply(word, { words: [], quote, kept })).toBe(reply);
});
