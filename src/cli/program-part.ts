import type { Flags } from "./command.ts";
import { globalFlags } from "./global-flags.ts";

/**
 * The commands that scripts run most often, mostly for a few milliseconds. Parsing all client commands would take a tenth of
 * that.
 */
export const entryCommands = ["get", "put", "del", "ls", "touch"] as const;

/** The first words of the commands that need modules of the server. */
export const localGroups = ["snapshot", "log", "policy", "token"] as const;

/** The parts of the program, each of which is loaded without the others. */
export type ProgramPart = "server" | "entry" | "client" | "local" | "completion";

/**
 * The part that the arguments of `duetkv` need. They are a command, not settings of the server, if they begin with a word, or
 * with a flag that only commands have.
 */
export function programPartOf(args: readonly string[]): ProgramPart {
  const [first] = args;
  if (first === undefined || first === "-h" || first === "--help") return "server";
  if (first === "complete") return "completion";
  if (first.startsWith("-") && !Object.hasOwn(globalFlags, first.replace(/^--|=.*$/gs, ""))) return "server";
  const word = args[commandIndex(args)];
  if (entryCommands.some((name) => name === word)) return "entry";
  return localGroups.some((group) => group === word) ? "local" : "client";
}

/** The arguments with another spelling of help in the usual one: `help COMMAND` is `COMMAND --help`. */
export function spellHelp(args: readonly string[]): readonly string[] {
  const [first, ...command] = args;
  return first === "help" ? [...command, "--help"] : args;
}

/** The index of the first word of the command, which global flags may precede. */
export function commandIndex(args: readonly string[]): number {
  let index = 0;
  while (args[index]?.startsWith("-") === true) {
    const [flag, value] = (args[index] as string).slice(2).split("=", 2) as [string, string?];
    const spec: Flags[string] | undefined = (globalFlags as Flags)[flag];
    index += spec === undefined || spec.type === "boolean" || value !== undefined ? 1 : 2;
  }
  return index;
}
