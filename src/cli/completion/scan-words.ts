import type { CommandSpec, Flag, Flags } from "../command.ts";
import { findCommand } from "../command-table.ts";
import { globalFlags } from "../global-flags.ts";

/** An unfinished command line: the words before the one that is being completed. */
export interface ScannedWords {
  /** The first words when they are not a command yet: none, or the first word of `snapshot save`. */
  readonly unknown: readonly string[];
  readonly command: { readonly name: string; readonly spec: CommandSpec } | undefined;
  readonly positionals: readonly string[];
  /** The values of each flag that was given; of a boolean flag, an empty string. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** The flag whose value the next word is. */
  readonly pending: { readonly name: string; readonly flag: Flag } | undefined;
  /** Whether no flags follow, because `--` was given. */
  readonly literal: boolean;
  /** Whether the next word belongs to the command after `--`. */
  readonly inChild: boolean;
}

/** Reads an unfinished command line, and ignores mistakes. */
export function scanWords(words: readonly string[]): ScannedWords {
  let unknown: readonly string[] = [];
  let command: ScannedWords["command"];
  let pending: ScannedWords["pending"];
  let literal = false;
  const positionals: string[] = [];
  const given = new Map<string, string[]>();
  for (const word of words) {
    if (pending !== undefined) {
      given.set(pending.name, [...(given.get(pending.name) ?? []), word]);
      pending = undefined;
    } else if (literal) positionals.push(word);
    else if (word === "--") literal = true;
    else if (word.startsWith("-")) {
      const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const flag = flagsOf(command?.spec)[name];
      if (flag === undefined) continue;
      if (flag.type === "boolean" || value !== undefined) {
        given.set(name, [...(given.get(name) ?? []), value ?? ""]);
      } else pending = { name, flag };
    } else if (command !== undefined) positionals.push(word);
    else {
      const name = [...unknown, word].join(" ");
      const spec = findCommand(name);
      if (spec === undefined) unknown = [...unknown, word];
      else command = { name, spec };
    }
  }
  const inChild = literal && command?.spec.runsCommand === true;
  return { unknown, command, positionals, given, pending, literal, inChild };
}

/** The flags that may follow. */
export function flagsOf(spec: CommandSpec | undefined): Flags {
  return { ...spec?.flags, ...globalFlags };
}
