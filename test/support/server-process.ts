import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { serverProgram } from "./server-program.ts";

export interface ServerProcess {
  /** HOST:PORT of the service. */
  readonly address: string;
  /** HOST:PORT of the admin listener. */
  readonly adminAddress: string;
  readonly pid: number;
  /** Every line that it has logged so far. */
  readonly lines: readonly string[];
  /** Resolves when it has ended and `lines` has all, with the exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Sends the signal, if it has not ended yet, and resolves as `ended` does. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/**
 * Starts the real process on free ports; resolves when it says that it is ready, rejects when it ends before. `prefix` is
 * put in front of the command, and must leave it its pid. `program` is a path; the default is the bundle of the run.
 */
export async function startServerProcess(
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
  program: string = serverProgram(),
): Promise<ServerProcess> {
  const service = [program, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", ...flags];
  const [command, ...args] = [...prefix, process.execPath, ...service] as [string, ...string[]];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const lines: string[] = [];
  const ready = Promise.withResolvers<{ listen: string; admin: string }>();
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    const message = JSON.parse(line);
    if (message.msg === "ready") ready.resolve(message);
  });
  // At "exit" not all of its output need have come.
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  child.once("close", (code, signal) =>
    ready.reject(new Error(`the server ended with ${code ?? signal}: ${errors}`)),
  );
  const { listen, admin } = await ready.promise;
  return {
    address: listen,
    adminAddress: admin,
    pid: child.pid as number,
    lines,
    ended,
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}
