import type { ServerProcess } from "../../test/support/server-process.ts";
import type { Percentiles } from "../load/percentiles.ts";
import { httpRequest, loadServers, type MakeRequest } from "./http-load.ts";

/** Far below what the log can take, so that a queue does not hide what a put takes. */
const perSecond = 200;

const connections = 24;
const value = "x".repeat(16 * 1024);

/** 480 keys, so that 7.5 MiB of garbage are due for a compaction: every 2.4 s. */
const put: MakeRequest = (connection, call) =>
  httpRequest("PUT", `/v1/key/${connection}-${call % 20}`, value);

export const steadyPuts = `PUT of 16 KiB over REST at ${perSecond}/s`;

export interface SteadyPuts extends Percentiles {
  /** How much of the time a compaction was under way, from 0 to 1. */
  readonly compactingShare: number;
}

/** The flags of replicas that compact when so many bytes of garbage are more than they hold. */
export function compactionFlags(bytesMin: number): string[] {
  // The log is compacted up to the history, which must be short to make garbage at once.
  return ["--compaction-bytes-min", String(bytesMin), "--watch-history-events-max", "100"];
}

/** The milliseconds of puts at a fixed rate. Rejects when the replicas take fewer puts than that. */
export async function putsBesideCompactions(
  replicas: readonly ServerProcess[],
  seconds: number,
): Promise<SteadyPuts> {
  const addresses = replicas.map(({ address }) => address);
  // Writes each key, and loads the code.
  await loadServers(addresses, connections, 3, put, perSecond);
  const before = await compactionSeconds(replicas);
  const figures = await loadServers(addresses, connections, seconds, put, perSecond);
  if (figures.perSecond < 0.9 * perSecond) {
    throw new Error(`the replicas take ${figures.perSecond.toFixed()} of ${perSecond} puts/s`);
  }
  return { ...figures, compactingShare: ((await compactionSeconds(replicas)) - before) / seconds };
}

/** How long the compactions took that have ended. */
async function compactionSeconds(replicas: readonly ServerProcess[]): Promise<number> {
  let sum = 0;
  for (const { adminAddress } of replicas) {
    const metrics = await (await fetch(`http://${adminAddress}/metrics`)).text();
    sum += Number(/^duetkv_compaction_duration_seconds_sum (\S+)/m.exec(metrics)?.[1]);
  }
  return sum;
}
