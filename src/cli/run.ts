import { CallError } from "./client/call-error.ts";
import { Client } from "./client/client.ts";
import type { CommandName } from "./command-table.ts";
import { describeCallError } from "./describe-call-error.ts";
import { exitCodes } from "./exit-codes.ts";
import { CommandFailure, isSystemError, systemFailure } from "./failure.ts";
import type { Run } from "./invocation.ts";
import { Output } from "./output.ts";
import { type CommandLine, parseCommandLine } from "./parse-command-line.ts";
import { escapeUnprintable } from "./printable.ts";
import { type ClientSettings, readClientSettings, readOutputSettings } from "./settings.ts";

/** Loads a command on demand. */
export type Loaders<Name extends CommandName = CommandName> = {
  readonly [Each in Name]: () => Promise<{ readonly run: Run<Each> }>;
};

/**
 * Runs `duetkv COMMAND …`, where `loaders` has the command. Resolves with the exit code; a failure has been described on
 * stderr.
 */
export async function runCommandLine(args: readonly string[], loaders: Partial<Loaders>): Promise<number> {
  let interrupt: () => void = exitInterrupted;
  process.on("SIGINT", () => interrupt());
  process.stdout.once("error", ({ code, message }: NodeJS.ErrnoException) => {
    // A reader that closes the pipe, such as `head`, needs no message.
    if (code !== "EPIPE") console.error(`duetkv: cannot write to stdout: ${message}`);
    process.exit(exitCodes.failed.code);
  });
  // Without a reader of its messages a command still does its work: `lock` ends the command whose lock is lost.
  process.stderr.on("error", () => {});
  let json = args.includes("--json");
  try {
    const line = parseCommandLine(args);
    if (line.globals.help) {
      console.log((await import("./help.ts")).describeCommand(line.name));
      return exitCodes.done.code;
    }
    const output = new Output(readOutputSettings(line.globals, process.env));
    ({ json } = output);
    const exitCode = await runCommand(line, loaders, output, (handle) => {
      interrupt = handle;
    });
    await output.flushed();
    return exitCode;
  } catch (error) {
    const failure = toFailure(error);
    if (failure === undefined) throw error;
    process.stderr.write(`${failure.describe(json)}\n`);
    return failure.exitCode;
  }
}

/** Undefined: a mistake in the program. */
function toFailure(error: unknown): CommandFailure | undefined {
  if (error instanceof CommandFailure) return error;
  if (error instanceof CallError) return describeCallError(error);
  return isSystemError(error) ? systemFailure(error) : undefined;
}

function exitInterrupted(): void {
  process.exit(exitCodes.interrupted.code);
}

async function runCommand(
  line: CommandLine,
  loaders: Partial<Loaders>,
  output: Output,
  onInterrupt: (handle: () => void) => void,
): Promise<number> {
  // The type of a command's flags depends on its name, which is not known statically here.
  const load = loaders[line.name] as (() => Promise<{ readonly run: Run<CommandName> }>) | undefined;
  if (load === undefined) throw new Error(`${line.name} is not among the commands of this part`);
  const { run } = await load();
  // One for all clients: the file of a token may be a pipe, which can be read only once.
  let shared: ClientSettings | undefined;
  const openClient = () => {
    const settings = (shared ??= readClientSettings(line.globals, process.env));
    let explained = false;
    return new Client(settings, ({ message }) => {
      // Tells a waiting user why.
      if (!explained && process.stderr.isTTY)
        output.note(escapeUnprintable(`${message}; retrying for ${settings.timeoutMs / 1000} s`));
      explained = true;
    });
  };
  return run({ ...line, output, openClient, onInterrupt });
}
