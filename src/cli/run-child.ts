import { spawn } from "node:child_process";
import { CommandFailure } from "./failure.ts";

/**
 * Runs a command on the user's terminal with `input` on its stdin. Resolves with its exit code: 128 plus the signal's
 * number if a signal ended it. Rejects with CommandFailure when it cannot be started.
 */
export async function runChild(
  [command, ...args]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  input: Buffer,
): Promise<number> {
  const child = spawn(command, args, {
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, ...environment },
  });
  // A child may exit without reading its input.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const { constants } = await import("node:os");
  return new Promise((resolve, reject) => {
    child.once("error", ({ message }) =>
      reject(
        new CommandFailure({
          outcome: "failed",
          reason: "CHILD_FAILED",
          message: `cannot run the command: ${message}`,
        }),
      ),
    );
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
  });
}
