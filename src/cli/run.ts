import { CallError } from "./client/call-error.ts";
import { Client } from "./client/client.ts";
import type { CommandName } from "./command-table.ts";
import { describeCallError } from "./describe-call-error.ts";
import { exitCodes } from "./exit-codes.ts";
import { CommandFailure } from "./failure.ts";
import type { Run } from "./invocation.ts";
import { Output } from "./output.ts";
import { type CommandLine, parseCommandLine } from "./parse-command-line.ts";
import { readClientSettings, readOutputSettings } from "./settings.ts";

/** Commands are loaded on demand. */
const loaders: { readonly [Name in CommandName]: () => Promise<{ readonly run: Run<Name> }> } = {
  get: () => import("./commands/get.ts"),
  put: () => import("./commands/put.ts"),
  del: () => import("./commands/del.ts"),
  ls: () => import("./commands/ls.ts"),
  watch: () => import("./commands/watch.ts"),
  commit: () => import("./commands/commit.ts"),
  touch: () => import("./commands/touch.ts"),
  edit: () => import("./commands/edit.ts"),
  history: () => import("./commands/history.ts"),
  diff: () => import("./commands/diff.ts"),
  revert: () => import("./commands/revert.ts"),
  export: () => import("./commands/export.ts"),
  import: () => import("./commands/import.ts"),
  "snapshot save": () => import("./commands/snapshot-save.ts"),
  "snapshot verify": () => import("./commands/snapshot-verify.ts"),
  "snapshot restore": () => import("./commands/snapshot-restore.ts"),
  lock: () => import("./commands/lock.ts"),
  elect: () => import("./commands/elect.ts"),
  observe: () => import("./commands/observe.ts"),
  status: () => import("./commands/status.ts"),
  whoami: () => import("./commands/whoami.ts"),
  health: () => import("./commands/health.ts"),
  bench: () => import("./commands/bench.ts"),
  "context add": async () => ({ run: (await import("./commands/context.ts")).runAdd }),
  "context use": async () => ({ run: (await import("./commands/context.ts")).runUse }),
  "context ls": async () => ({ run: (await import("./commands/context.ts")).runLs }),
  completion: () => import("./commands/completion.ts"),
  "token new": () => import("./commands/token-new.ts"),
  "token hash": () => import("./commands/token-hash.ts"),
  "policy check": () => import("./commands/policy-check.ts"),
  "policy explain": () => import("./commands/policy-explain.ts"),
  "log verify": async () => ({ run: (await import("./commands/log.ts")).runVerify }),
  "log repair": async () => ({ run: (await import("./commands/log.ts")).runRepair }),
  "log cat": async () => ({ run: (await import("./commands/log.ts")).runCat }),
};

/** Runs `duetkv COMMAND …`. Resolves with the exit code; a failure has been described on stderr. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let interrupt: () => void = exitInterrupted;
  process.on("SIGINT", () => interrupt());
  process.stdout.once("error", ({ code, message }: NodeJS.ErrnoException) => {
    // A reader that closes the pipe, such as `head`, needs no message.
    if (code !== "EPIPE") console.error(`duetkv: cannot write to stdout: ${message}`);
    process.exit(exitCodes.failed.code);
  });
  let json = args.includes("--json");
  try {
    const line = parseCommandLine(args);
    if (line.globals.help) {
      console.log((await import("./help.ts")).describeCommand(line.name));
      return exitCodes.done.code;
    }
    const output = new Output(readOutputSettings(line.globals, process.env));
    ({ json } = output);
    const exitCode = await runCommand(line, output, (handle) => {
      interrupt = handle;
    });
    await output.flushed();
    return exitCode;
  } catch (error) {
    const failure = error instanceof CallError ? describeCallError(error) : error;
    if (!(failure instanceof CommandFailure)) throw error;
    process.stderr.write(`${failure.describe(json)}\n`);
    return failure.exitCode;
  }
}

function exitInterrupted(): void {
  process.exit(exitCodes.interrupted.code);
}

async function runCommand(
  line: CommandLine,
  output: Output,
  onInterrupt: (handle: () => void) => void,
): Promise<number> {
  // The type of a command's flags depends on its name, which is not known statically here.
  const { run } = (await loaders[line.name]()) as { readonly run: Run<CommandName> };
  const openClient = () => {
    const settings = readClientSettings(line.globals, process.env);
    let explained = false;
    return new Client(settings, ({ message }) => {
      // Tells a waiting user why.
      if (!explained && process.stderr.isTTY)
        output.note(`${message}; retrying for ${settings.timeoutMs / 1000} s`);
      explained = true;
    });
  };
  return run({ ...line, output, openClient, onInterrupt });
}
