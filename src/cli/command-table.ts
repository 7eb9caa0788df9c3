import type { CommandSpec, FlagValues } from "./command.ts";
import type { entryCommands, localGroups } from "./program-part.ts";
import { coordinationCommands } from "./table/coordination.ts";
import { dataCommands } from "./table/data.ts";
import { keyCommands } from "./table/keys.ts";
import { operationCommands } from "./table/operations.ts";

/** All commands of `duetkv` by name. The parser, the help, docs/cli.md and the tests use this table. */
export const commands = { ...keyCommands, ...dataCommands, ...coordinationCommands, ...operationCommands };

export type CommandName = keyof typeof commands;

/** A command of one of `localGroups`. */
export type LocalCommandName = Extract<CommandName, `${(typeof localGroups)[number]} ${string}`>;

/** A command of `entryCommands`. */
export type EntryCommandName = (typeof entryCommands)[number];

/** The parsed arguments of a command. */
export interface CommandArguments<Name extends CommandName = CommandName> {
  readonly positionals: readonly string[];
  readonly flags: FlagValues<(typeof commands)[Name]["flags"]>;
  /** The words after `--`; undefined without `--`. Never empty. */
  readonly childCommand: readonly [string, ...string[]] | undefined;
}

export function findCommand(name: string): CommandSpec | undefined {
  return Object.hasOwn(commands, name) ? commands[name as CommandName] : undefined;
}
