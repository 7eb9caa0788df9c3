import { spawn } from "node:child_process";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { CommandFailure } from "../failure.ts";

/** A command that runs while a lease is held. */
interface LeasedCommand {
  /**
   * Resolves with its exit code: 128 plus the signal's number if a signal ended it. Rejects with CommandFailure when it cannot be
   * started.
   */
  readonly ended: Promise<number>;
  /** Sends a signal. Returns whether there is a process that got it. */
  signal(name: NodeJS.Signals | 0): boolean;
  /** Sends SIGTERM, and SIGKILL to what is left after `killAfterMs`. Resolves when the command has ended. */
  end(killAfterMs: number): Promise<void>;
}

const pollMs = 20;

/**
 * Starts a command. With `inGroup` it is in a process group of its own, and signals reach its children, too. Where it may use a
 * terminal it must stay in our group, as with flock: only the group in the foreground can read from a terminal and gets its
 * signals, and Node cannot put another group there.
 */
export function startLeasedCommand(
  [command, ...args]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  inGroup: boolean,
): LeasedCommand {
  const env = { ...process.env, ...environment };
  const child = spawn(command, args, { stdio: "inherit", env, detached: inGroup });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", ({ message: why }) => {
      const message = `cannot run the command: ${why}`;
      reject(new CommandFailure({ outcome: "failed", reason: "CHILD_FAILED", message }));
    });
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
  });

  function send(name: NodeJS.Signals | 0): boolean {
    if (!inGroup) return child.kill(name);
    return child.pid !== undefined && signalGroup(child.pid, name);
  }

  return {
    ended,
    signal: send,
    async end(killAfterMs) {
      send("SIGTERM");
      const killAt = performance.now() + killAfterMs;
      while (send(0) && performance.now() < killAt) await delay(pollMs);
      send("SIGKILL");
      await ended;
    },
  };
}

/** Returns false when the group has no process that this one may send signals to. */
function signalGroup(leader: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}
