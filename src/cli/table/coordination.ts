import type { CommandSpec } from "../command.ts";

const lease = {
  ttl: { type: "duration", value: "TIME", text: "time to live of the key if it is not renewed (15s)" },
  "kill-after": { type: "duration", value: "TIME", text: "time from SIGTERM to SIGKILL after a loss (5s)" },
} as const;

/** Locks and leaders. */
export const coordinationCommands = {
  lock: {
    usage: "KEY -- CMD…",
    positionals: [1, 1],
    runsCommand: true,
    summary: "run a command while a lock is held",
    details:
      "The lock is an entry that is renewed three times within its time to live. CMD has the fencing token in " +
      "DUETKV_FENCE. It grows with every holder; the protected resource must refuse a lower token than it has seen. " +
      "When the lock is lost, CMD and the processes that it has started get SIGTERM and then SIGKILL: they are a process group. " +
      "On a terminal they stay in the group of the terminal, which ctrl-C and ctrl-Z reach, and only CMD itself gets these " +
      "signals, as with flock. The exit code is that of CMD, 4 if the lock did not become free, and 75 if it was lost.",
    examples: ["duetkv lock locks/backup --wait 10m -- ./backup.sh"],
    flags: {
      wait: { type: "duration", value: "TIME", text: "how long to wait for the lock (30s)" },
      ...lease,
    },
  },
  elect: {
    usage: "KEY VALUE [-- CMD…]",
    positionals: [2, 2],
    runsCommand: true,
    summary: "become the leader and stay it",
    details:
      "Waits until there is no leader, then holds the key with VALUE until it is interrupted, or while CMD runs, " +
      "as `lock` does. Exit code 75: the leadership was lost.",
    examples: ["duetkv elect leaders/jobs $(hostname)", "duetkv elect leaders/jobs one -- ./jobs.sh"],
    flags: lease,
  },
  observe: {
    usage: "KEY",
    positionals: [1, 1],
    summary: "print the leader, now and at each change",
    details: "",
    examples: ["duetkv observe leaders/jobs --json"],
    flags: {},
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
