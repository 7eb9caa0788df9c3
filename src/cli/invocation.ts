import type { Client } from "./client/client.ts";
import type { CommandArguments, CommandName } from "./command-table.ts";
import type { Output } from "./output.ts";
import type { GlobalFlagValues } from "./parse-command-line.ts";

/** The arguments and services of a command. */
export interface Invocation<Name extends CommandName> extends CommandArguments<Name> {
  readonly globals: GlobalFlagValues;
  readonly output: Output;
  /** Creates the client; throws CommandFailure when the settings are invalid. */
  readonly openClient: () => Client;
  /** Calls `handle` at each SIGINT, in place of ending the process. */
  readonly onInterrupt: (handle: () => void) => void;
}

/** Runs a command. Resolves with the exit code; rejects with CommandFailure or CallError. */
export type Run<Name extends CommandName> = (invocation: Invocation<Name>) => Promise<number>;
