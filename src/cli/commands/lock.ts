import { hostname } from "node:os";
import { CommandFailure, usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { acquireLease } from "../lease/acquire-lease.ts";
import { runLeased } from "../lease/run-leased.ts";
import { toPrintable } from "../printable.ts";

export const run: Run<"lock"> = async ({
  positionals: [key = ""],
  flags,
  childCommand,
  output,
  openClient,
  onInterrupt,
}) => {
  if (childCommand === undefined)
    throw usageFailure("lock needs a command after --", "Usage: duetkv lock KEY -- CMD…");
  const ttlMs = flags.ttl ?? 15_000;
  const waitMs = flags.wait ?? 30_000;
  const lease = await acquireLease(openClient, { key, value: `${hostname()}:${process.pid}`, ttlMs, waitMs });
  if (lease === undefined) {
    throw new CommandFailure({
      outcome: "conditionFailed",
      reason: "LOCK_HELD",
      message: `the lock ${toPrintable(key)} did not become free within ${waitMs / 1000} s`,
      advice: "Show its holder: duetkv get KEY. Wait longer: --wait.",
    });
  }
  return runLeased(lease, childCommand, flags["kill-after"] ?? 5000, output, onInterrupt);
};
