import { spawnSync } from "node:child_process";
import type { ServerProcess } from "../server-process.ts";
import { runH2load } from "./h2load.ts";
import type { Load, Seen } from "./load.ts";
import { runNodeLoad } from "./node-load.ts";
import { runWrk } from "./wrk.ts";

export interface Figures {
  readonly perSecond: number;
  /** Microseconds of the server's CPU for each request. */
  readonly cpuMicros: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export const hasH2load = spawnSync("h2load", ["--version"]).status === 0;
// wrk prints its version and fails.
export const hasWrk = spawnSync("wrk", ["--version"]).error === undefined;

/** Warms the server up, then measures. Throws when a request failed. */
export async function measure(server: ServerProcess, load: Load): Promise<Figures> {
  const run = generatorFor(load);
  await run(server.address, { ...load, seconds: 1 });
  const before = server.cpuMicros();
  let seen = await run(server.address, load);
  // A slow machine may not get one through in so short a time.
  if (seen.requests === 0) seen = await run(server.address, { ...load, seconds: 4 * load.seconds });
  const cpu = server.cpuMicros() - before;
  if (seen.failed > 0 || seen.requests === 0) {
    throw new Error(`${seen.failed} of ${seen.requests} requests for ${load.requests[0]?.path} failed`);
  }
  const { p50, p99, p999 } = seen;
  return { perSecond: seen.requests / seen.seconds, cpuMicros: cpu / seen.requests, p50, p99, p999 };
}

function generatorFor({ protocol, requests }: Load): (address: string, load: Load) => Promise<Seen> {
  if (requests.length === 1 && protocol === "grpc" && hasH2load) return runH2load;
  if (requests.length === 1 && protocol === "http1" && hasWrk) return runWrk;
  return runNodeLoad;
}
