import { spawn } from "node:child_process";
import { constants } from "node:os";
import { exitCodes } from "../exit-codes.ts";
import { CommandFailure } from "../failure.ts";
import type { Output } from "../output.ts";
import type { Lease } from "./lease.ts";

/**
 * Runs a command while the lease is held, with the fencing token in DUETKV_FENCE, and resolves with its exit code. When the
 * lease is lost the command gets SIGTERM, and SIGKILL after `killAfterMs`; the exit code is 75 then. Rejects with
 * CommandFailure when the command cannot be started.
 */
export async function runLeased(
  lease: Lease,
  [command, ...args]: readonly [string, ...string[]],
  killAfterMs: number,
  output: Output,
  onInterrupt: (handle: () => void) => void,
): Promise<number> {
  const child = spawn(command, args, {
    stdio: "inherit",
    env: { ...process.env, DUETKV_FENCE: lease.fence },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", ({ message: why }) => {
      const message = `cannot run the command: ${why}`;
      reject(new CommandFailure({ outcome: "failed", reason: "CHILD_FAILED", message }));
    });
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
  });
  // The command handles the signal. On a terminal it has already received an interrupt itself.
  onInterrupt(() => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  try {
    const first = await Promise.race([ended, lease.lost]);
    if (typeof first === "number") return first;
    output.warn(`the lock is lost: ${first}; the command is ended`);
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    await ended;
    clearTimeout(timer);
    return exitCodes.lockLost.code;
  } finally {
    await lease.release();
  }
}
