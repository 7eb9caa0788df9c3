import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { CommandSpec } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/command-table.ts";
import { CommandFailure } from "../../src/cli/failure.ts";
import { globalFlags } from "../../src/cli/global-flags.ts";
import { parseCommandLine } from "../../src/cli/parse-command-line.ts";
import { programPartOf, spellHelp } from "../../src/cli/program-part.ts";

function parse(line: string) {
  return parseCommandLine(line.split(" ").filter((word) => word !== ""));
}

function mistakeOf(line: string): string {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof CommandFailure && error.exitCode === 2) return error.message;
    throw error;
  }
  return "none";
}

test.each([
  ["", "server"],
  ["--help", "server"],
  ["-h", "server"],
  ["--log memory:", "server"],
  ["--listen=127.0.0.1:1", "server"],
  ["get a", "entry"],
  ["get token", "entry"],
  ["--server x get a", "entry"],
  ["--server=x get a", "entry"],
  ["--json get a", "entry"],
  ["watch get", "client"],
  ["--json lock a -- touch b", "client"],
  ["gett", "client"],
  ["log verify", "local"],
  ["--json snapshot verify a", "local"],
  ["--server token token new a", "local"],
  ["complete zsh get a", "completion"],
] as const)("%j needs the part %s of the program", (line, expected) => {
  expect(programPartOf(line === "" ? [] : line.split(" "))).toBe(expected);
});

test("help is a word, too", () => {
  expect(spellHelp(["help"])).toEqual(["--help"]);
  expect(spellHelp(["help", "snapshot", "save"])).toEqual(["snapshot", "save", "--help"]);
  expect(spellHelp(["get", "help"])).toEqual(["get", "help"]);
});

test.each(Object.keys(commands))("%s has a loader in the part of its name", (name) => {
  const part = programPartOf(name.split(" "));
  expect(part).toMatch(/^(?:entry|client|local)$/);
  const source = readFileSync(`src/cli/${part}-commands.ts`, "utf8");
  expect(source).toContain(/^\w+$/.test(name) ? `  ${name}: ` : `  "${name}": `);
});

test("flags may stand before the name, after it and after the arguments", () => {
  for (const line of [
    "--json --server x --server=y get --min-revision 7 a",
    "get --server x --server y a --json --min-revision=7",
  ]) {
    const { name, positionals, globals, flags } = parse(line);
    expect({ name, positionals, flags }).toEqual({
      name: "get",
      positionals: ["a"],
      flags: { local: false, "min-revision": "7" },
    });
    expect(globals).toMatchObject({ json: true, server: ["x", "y"], timeout: undefined });
  }
});

test("a name of two words is found", () => {
  expect(parse("log repair --apply").name).toBe("log repair");
});

test("what follows -- is an argument, or the command to run", () => {
  expect(parse("put a -- -5").positionals).toEqual(["a", "-5"]);
  const { positionals, childCommand } = parse("watch a -- sh -c --json");
  expect({ positionals, childCommand }).toEqual({ positionals: ["a"], childCommand: ["sh", "-c", "--json"] });
  expect(parse("watch a").childCommand).toBeUndefined();
});

test.each([
  ["500ms", 500],
  ["3s", 3000],
  ["1.5s", 1500],
  ["10m", 600_000],
  ["2h", 7_200_000],
])("%s is %i milliseconds", (text, ms) => {
  expect(parse(`get a --timeout ${text}`).globals.timeout).toBe(ms);
});

test.each([
  ["nonsense", 'unknown command "nonsense"'],
  ["wach a", 'unknown command "wach"; did you mean watch?'],
  ["log", "log needs one of: log verify, log repair, log cat"],
  ["get", "get got too few arguments"],
  ["get a b", "get got too many arguments"],
  ["gte a", 'unknown command "gte"; did you mean get?'],
  ["get a --locl", "unknown flag --locl; did you mean --local?"],
  ["put a -5", "unknown flag -5. Put an argument that begins with - after --"],
  ["get a --min-revision x", '--min-revision must be a revision, a whole number, not "x"'],
  ["get a --min-revision=-1", '--min-revision must be a revision, a whole number, not "-1"'],
  [
    "get a --min-revision 9223372036854775808",
    '--min-revision must be a revision, a whole number, not "9223372036854775808"',
  ],
  ["ls --limit 0", '--limit must be a whole number from 1 to 999999999, not "0"'],
  ["get a --timeout 5", '--timeout must be a time such as 500ms, 3s or 10m, at most 596h, not "5"'],
  ["get a --timeout 0s", '--timeout must be a time such as 500ms, 3s or 10m, at most 596h, not "0s"'],
  ["get a --timeout 600h", '--timeout must be a time such as 500ms, 3s or 10m, at most 596h, not "600h"'],
  ["watch a --", "watch needs a command after --"],
])("refuses %j", (line, mistake) => {
  expect(mistakeOf(line)).toBe(mistake);
});

test("the largest revision is exact", () => {
  expect(parse("get a --min-revision 9223372036854775807").flags).toMatchObject({
    "min-revision": "9223372036854775807",
  });
});

test.each(Object.entries<CommandSpec>(commands))(
  "the examples of %s are command lines of it",
  (name, spec) => {
    expect(spec.examples.length).toBeGreaterThan(0);
    for (const example of spec.examples) {
      // A pipe may have several commands.
      const lines = example.split(/[|<>]/).flatMap((each) => /^ *duetkv (.*)$/s.exec(each)?.[1] ?? []);
      expect(lines.map((line) => parse(line).name)).toContain(name);
    }
  },
);

test.each(Object.entries<CommandSpec>(commands))(
  "%s has no flag of the name of a global one",
  (_, { flags }) => {
    expect(Object.keys(flags).filter((flag) => flag in globalFlags)).toEqual([]);
  },
);
