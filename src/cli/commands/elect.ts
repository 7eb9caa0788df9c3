import { exitCodes } from "../exit-codes.ts";
import type { Run } from "../invocation.ts";
import { acquireLease } from "../lease/acquire-lease.ts";
import { runLeased } from "../lease/run-leased.ts";

export const run: Run<"elect"> = async (invocation) => {
  const { positionals, flags, childCommand, output, openClient, onInterrupt } = invocation;
  const [key = "", value = ""] = positionals;
  const lease = await acquireLease(openClient, {
    key,
    value,
    ttlMs: flags.ttl ?? 15_000,
    waitMs: Number.POSITIVE_INFINITY,
  });
  if (lease === undefined) throw new Error("an election without an end has ended");
  if (output.json) output.object({ type: "elected", fence: lease.fence });
  else if (childCommand === undefined) output.line(`elected, fence ${lease.fence}`);
  if (childCommand !== undefined) {
    return runLeased(lease, childCommand, flags["kill-after"] ?? 5000, output, onInterrupt);
  }
  const stopped = new Promise<undefined>((resolve) => {
    const stop = () => resolve(undefined);
    onInterrupt(stop);
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
  });
  const reason = await Promise.race([lease.lost, stopped]);
  if (reason === undefined) {
    await lease.release();
    return exitCodes.interrupted.code;
  }
  if (output.json) output.object({ type: "lost", reason });
  else output.line(`lost: ${reason}`);
  return exitCodes.lockLost.code;
};
