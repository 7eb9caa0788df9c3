import { isatty } from "node:tty";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";
import type { Lease } from "./lease.ts";
import { startLeasedCommand } from "./leased-command.ts";

/**
 * Runs a command while the lease is held, with the fencing token in DUETKV_FENCE, and resolves with its exit code. When the
 * lease is lost the command gets SIGTERM, and SIGKILL after `killAfterMs`; the exit code is 75 then. Rejects with
 * CommandFailure when the command cannot be started.
 */
export async function runLeased(
  lease: Lease,
  command: readonly [string, ...string[]],
  killAfterMs: number,
  output: Output,
  onInterrupt: (handle: () => void) => void,
): Promise<number> {
  // A stream of stdin would make the pipe that the command reads non-blocking.
  const mayUseTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  // The command handles the signals. A terminal has sent an interrupt to it, too. They are caught before it starts: one that
  // came in between would end or stop this process alone.
  const send = (name: NodeJS.Signals) => running.signal(name);
  onInterrupt(() => mayUseTerminal || send("SIGINT"));
  for (const name of ["SIGTERM", "SIGHUP"] as const) process.on(name, send);
  if (!mayUseTerminal) stopTogether(send);
  const running = startLeasedCommand(command, { DUETKV_FENCE: lease.fence }, !mayUseTerminal);
  try {
    const first = await Promise.race([running.ended, lease.lost]);
    if (typeof first === "number") return first;
    output.warn(`the lock is lost: ${first}; the command is ended`);
    await running.end(killAfterMs);
    return exitCodes.lockLost.code;
  } finally {
    await lease.release();
  }
}

/** A command must not run on alone while this process, which renews the lease, is stopped. */
function stopTogether(signal: (name: NodeJS.Signals) => void): void {
  process.on("SIGTSTP", () => {
    // SIGTSTP does not stop a group without a terminal.
    signal("SIGSTOP");
    process.kill(process.pid, "SIGSTOP");
  });
  process.on("SIGCONT", () => signal("SIGCONT"));
}
