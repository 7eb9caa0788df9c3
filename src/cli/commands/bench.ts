import { randomBytes } from "node:crypto";
import { type Latencies, shares } from "../bench/latencies.ts";
import { type Load, type LoadResult, prepareKeys, runLoad } from "../bench/run-load.ts";
import type { Client } from "../client/client.ts";
import { deletePrefix } from "../client/delete-prefix.ts";
import { exitCodes } from "../exit-codes.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import type { Output } from "../output.ts";
import { toPrintable } from "../printable.ts";
import { Progress } from "../progress.ts";
import { toCountText } from "../units.ts";

/** More would measure this process rather than the server. */
const clientsMax = 1000;

export const run: Run<"bench"> = async ({ flags, output, openClient, onInterrupt }) => {
  const { clients: clientCount = 16, seconds = 10, size = 100 } = flags;
  if (clientCount > clientsMax) throw usageFailure(`--clients must be at most ${clientsMax}`);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  onInterrupt(interrupt);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, interrupt);
  const progress = new Progress("calls", output.quiet);
  // Keys of its own: several can run at once, and what they delete in the end is theirs.
  const prefix = `${flags.prefix ?? "duetkv-bench/"}${randomBytes(6).toString("hex")}/`;
  const load: Load = {
    clients: Array.from({ length: clientCount }, () => openClient()),
    seconds,
    sizeBytes: size,
    readShare: flags.ratio ?? 0.9,
    prefix,
    signal: interrupted.signal,
    onCall: (calls) => progress.update(calls),
  };
  const client = openClient();
  let result: LoadResult;
  try {
    await prepareKeys(client, load);
    result = await runLoad(load);
  } finally {
    progress.end();
    for (const each of load.clients) each.close();
    await deleteKeys(client, prefix, output);
  }
  // Only now: a reader that has closed the pipe ends this process.
  if (output.json) output.object(toObject(load, result));
  else print(load, result, output);
  return interrupted.signal.aborted ? exitCodes.interrupted.code : exitCodes.done.code;
};

/** Deletes what was written. Rejects with CallError, after a warning that names the prefix. */
async function deleteKeys(client: Client, prefix: string, output: Output): Promise<void> {
  try {
    await deletePrefix(client, prefix, () => {});
  } catch (error) {
    output.warn(`keys below ${toPrintable(prefix)} may be left; delete them with duetkv del --prefix`);
    throw error;
  }
}

function toObject(load: Load, { seconds, reads, writes, errors }: LoadResult): object {
  const summarize = (latencies: Latencies) => ({
    count: latencies.count,
    perSecond: latencies.count / seconds,
    meanMs: latencies.meanMs,
    ...Object.fromEntries(
      Object.entries(shares).map(([name, share]) => [`${name}Ms`, latencies.percentileMs(share)]),
    ),
    maxMs: latencies.maxMs,
    histogram: latencies.octaves(),
  });
  return {
    clients: load.clients.length,
    seconds,
    sizeBytes: load.sizeBytes,
    readShare: load.readShare,
    reads: summarize(reads),
    writes: summarize(writes),
    errors: Object.fromEntries(errors),
  };
}

function print(load: Load, { seconds, reads, writes, errors }: LoadResult, output: Output): void {
  const percent = Math.round(load.readShare * 100);
  output.line(
    `${load.clients.length} clients, ${seconds.toFixed(1)} s, values of ${load.sizeBytes} B, ${percent} % reads, ` +
      `keys below ${toPrintable(load.prefix)}`,
  );
  for (const [name, latencies] of [
    ["reads", reads],
    ["writes", writes],
  ] as const) {
    if (latencies.count === 0) continue;
    const rate = toCountText(Math.round(latencies.count / seconds));
    output.line(`\n${name.padEnd(7)}${toCountText(latencies.count)}, ${rate}/s`);
    const columns = Object.entries(shares).map(
      ([each, share]) => `${each} ${toMs(latencies.percentileMs(share))}`,
    );
    output.line(`       ${[...columns, `max ${toMs(latencies.maxMs)}`].join(", ")}`);
    printHistogram(latencies, output);
  }
  output.line(errors.size === 0 ? "\nno errors" : "\nerrors");
  for (const [reason, count] of errors) output.line(`       ${reason} ${toCountText(count)}`);
}

function printHistogram(latencies: Latencies, output: Output): void {
  const width = 50;
  for (const { toMs: bound, count } of latencies.octaves()) {
    const share = count / latencies.count;
    const bar = "#".repeat(Math.ceil(share * width));
    output.line(
      `${`≤ ${toMs(bound)}`.padStart(14)} ${`${(share * 100).toFixed(1)} %`.padStart(7)} ${bar}`.trimEnd(),
    );
  }
}

function toMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}
