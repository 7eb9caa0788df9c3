import { spawnSync } from "node:child_process";
import type { ServerProcess } from "../server-process.ts";
import { runH2load } from "./h2load.ts";
import type { Load, Seen } from "./load.ts";
import { runNodeLoad } from "./node-load.ts";
import { runWrk } from "./wrk.ts";

/** A server that has not answered one request by then is broken. */
const secondsMax = 30;

export interface Figures {
  readonly perSecond: number;
  /** The requests per second of each round, when there were several; the other figures are then medians of theirs. */
  readonly rounds?: readonly number[];
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
  await generatorFor(load)(server.address, { ...load, seconds: 1 });
  return measureWarm(server, load);
}

/** Measures a server that has been under this load before. Throws when a request failed. */
export async function measureWarm(server: ServerProcess, load: Load): Promise<Figures> {
  const run = generatorFor(load);
  const before = server.cpuMicros();
  let { seconds } = load;
  let seen = await run(server.address, load);
  // A slow machine may not get one through in so short a time.
  for (; seen.requests === 0 && seconds < secondsMax; seconds *= 4) {
    seen = await run(server.address, { ...load, seconds: 4 * seconds });
  }
  const cpu = server.cpuMicros() - before;
  if (seen.failed > 0 || seen.requests === 0) {
    throw new Error(`${seen.failed} of ${seen.requests} requests for ${load.requests[0]?.path} failed`);
  }
  const { p50, p99, p999 } = seen;
  return { perSecond: seen.requests / seen.seconds, cpuMicros: cpu / seen.requests, p50, p99, p999 };
}

/** Figures of several rounds as one. */
export function median(rounds: readonly Figures[]): Figures {
  const middle = (figure: (round: Figures) => number): number => middleOf(rounds.map(figure));
  return {
    perSecond: middle(({ perSecond }) => perSecond),
    rounds: rounds.map(({ perSecond }) => perSecond),
    cpuMicros: middle(({ cpuMicros }) => cpuMicros),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    p999: middle(({ p999 }) => p999),
  };
}

export function middleOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function generatorFor({
  protocol,
  requests,
  ownDeadlines,
  tls,
}: Load): (address: string, load: Load) => Promise<Seen> {
  const isSimple = requests.length === 1 && ownDeadlines !== true && tls === undefined;
  if (isSimple && protocol === "grpc" && hasH2load) return runH2load;
  if (protocol === "http1" && hasWrk) return runWrk;
  return runNodeLoad;
}
