import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { serverProgram } from "../support/server-program.ts";

export interface CliResult {
  /** The exit code, or the signal. */
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CliOptions {
  /** HOST:PORT; without it the client is on its own. */
  readonly address?: string;
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts `duetkv` with the arguments, in an environment that has no context and nothing of ours but what is given. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcessWithoutNullStreams {
  const { address, environment } = options;
  return spawn(process.execPath, [serverProgram(), ...args], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      TERM: "xterm",
      XDG_CONFIG_HOME: `${tmpdir()}/duetkv-no-contexts`,
      ...(address !== undefined && { DUETKV_CLIENT_SERVER: address }),
      ...environment,
    },
  });
}

/** Runs `duetkv` in pipes to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  const ended = once(child, "close");
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  // A command that does not read its input closes the pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [code, signal] = await ended;
  return {
    code: code ?? signal,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
  };
}
