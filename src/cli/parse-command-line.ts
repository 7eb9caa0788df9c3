import { parseArgs } from "node:util";
import { nearestName } from "../config/nearest-name.ts";
import type { Flags, FlagValues } from "./command.ts";
import { type CommandArguments, type CommandName, commands, findCommand } from "./command-table.ts";
import { usageFailure } from "./failure.ts";
import { readFlagValue } from "./flag-value.ts";
import { globalFlags } from "./global-flags.ts";
import { commandIndex } from "./program-part.ts";

export type GlobalFlagValues = FlagValues<typeof globalFlags>;

export interface CommandLine extends CommandArguments {
  readonly name: CommandName;
  readonly globals: GlobalFlagValues;
}

/** Parses the arguments of `duetkv COMMAND`. Throws CommandFailure with the mistake and the correct usage. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { name, rest } = takeName(args);
  const spec = findCommand(name);
  if (spec === undefined) throw unknownCommand(name);
  const split = spec.runsCommand === true ? rest.indexOf("--") : -1;
  const own = split === -1 ? rest : rest.slice(0, split);
  const flags: Flags = { ...spec.flags, ...globalFlags };
  const { values, positionals } = parse(name, own, flags);
  const globals = pick(values, globalFlags) as GlobalFlagValues;
  if (!globals.help) {
    assertCount(name, positionals.length, spec.positionals);
    for (const each of positionals) if (spec.values !== undefined) assertOneOf(spec.values, each, spec.usage);
  }
  return {
    name: name as CommandName,
    globals,
    flags: pick(values, spec.flags),
    positionals,
    childCommand: split === -1 ? undefined : toChildCommand(name, rest.slice(split + 1)),
  };
}

/** Finds the command's name, which may have two words and follow global flags. */
function takeName(args: readonly string[]): { readonly name: string; readonly rest: string[] } {
  const index = commandIndex(args);
  const [first = "", second = ""] = args.slice(index);
  const words = findCommand(`${first} ${second}`) === undefined ? 1 : 2;
  return {
    name: words === 2 ? `${first} ${second}` : first,
    rest: [...args.slice(0, index), ...args.slice(index + words)],
  };
}

function unknownCommand(name: string) {
  const names = Object.keys(commands);
  const group = names.filter((known) => known.startsWith(`${name} `));
  if (group.length > 0) return usageFailure(`${name} needs one of: ${group.join(", ")}`);
  const nearest = nearestName(name, names);
  const guess = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return usageFailure(`unknown command ${JSON.stringify(name)}${guess}`, "See duetkv --help.");
}

function parse(name: string, args: string[], flags: Flags) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([flag, { type }]) => [
      flag,
      { type: type === "boolean" ? ("boolean" as const) : ("string" as const), multiple: type === "texts" },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
    return { values: readValues(values, flags), positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || !code.startsWith("ERR_PARSE_ARGS")) throw error;
    throw usageFailure(describeMistake(code, message, flags), `See duetkv ${name} --help.`);
  }
}

function describeMistake(code: string, message: string, flags: Flags): string {
  if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") return message;
  const flag = /'(--?[^' =]+)/.exec(message)?.[1] ?? "";
  const nearest = nearestName(flag.replace(/^-+/, ""), Object.keys(flags));
  const guess = nearest === undefined ? "" : `; did you mean --${nearest}?`;
  return `unknown flag ${flag}${guess || ". Put an argument that begins with - after --"}`;
}

function readValues(parsed: Readonly<Record<string, unknown>>, flags: Flags): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flags).map(([flag, { type, values }]) => {
      const given = parsed[flag];
      if (type === "boolean") return [flag, given === true];
      if (type === "texts") return [flag, given ?? []];
      if (given === undefined) return [flag, undefined];
      if (values !== undefined) assertOneOf(values, given as string, `--${flag}`);
      return [flag, readFlagValue(type, given as string, `--${flag}`)];
    }),
  );
}

function pick(values: Readonly<Record<string, unknown>>, flags: Flags): Record<string, unknown> {
  return Object.fromEntries(Object.keys(flags).map((flag) => [flag, values[flag]]));
}

function assertCount(name: string, count: number, [min, max]: readonly [number, number]): void {
  if (count >= min && count <= max) return;
  const usage = `duetkv ${name} ${findCommand(name)?.usage}`.trimEnd();
  if (count < min) throw usageFailure(`${name} got too few arguments`, `Usage: ${usage}`);
  throw usageFailure(`${name} got too many arguments`, `Usage: ${usage}. Quote an argument that has spaces.`);
}

function assertOneOf(values: readonly string[], given: string, what: string): void {
  if (values.includes(given)) return;
  const [last, ...others] = values.toReversed();
  const names = others.length === 0 ? last : `${others.toReversed().join(", ")} or ${last}`;
  throw usageFailure(`${what} must be ${names}`);
}

function toChildCommand(name: string, words: readonly string[]): readonly [string, ...string[]] {
  if (words.length === 0) throw usageFailure(`${name} needs a command after --`);
  return words as [string, ...string[]];
}
