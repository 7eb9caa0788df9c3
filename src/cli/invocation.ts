import type { Client } from "./client/client.ts";
import type { CommandArguments, CommandName } from "./command-table.ts";
import type { Output } from "./output.ts";
import type { GlobalFlagValues } from "./parse-command-line.ts";

/** What a command works with. */
export interface Invocation<Name extends CommandName> extends CommandArguments<Name> {
  readonly globals: GlobalFlagValues;
  readonly output: Output;
  /** Reads the settings; throws CommandFailure when they are wrong. */
  readonly openClient: () => Client;
}

/** Resolves with the exit code; rejects with CommandFailure or CallError, which the user is told. */
export type Run<Name extends CommandName> = (invocation: Invocation<Name>) => Promise<number>;
