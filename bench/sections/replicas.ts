import { Consistency, KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { findWriter } from "../../test/support/find-writer.ts";
import { type ServerProcess, startServerProcess } from "../../test/support/server-process.ts";
import { startDuetKvOn, withClient } from "../duetkv.ts";
import { type Figures, measure, median } from "../load/measure.ts";
import { percentiles } from "../load/percentiles.ts";
import { grpcRequest } from "../load/requests.ts";
import {
  compactionFlags,
  putsBesideCompactions,
  type SteadyPuts,
  steadyPuts,
} from "../replicas/compaction.ts";
import { measureGap } from "../replicas/gap.ts";
import { httpRequest, loadServers, type MakeRequest } from "../replicas/http-load.ts";
import { measureLags } from "../replicas/lag.ts";
import { appendAlone, replayAlone } from "../replicas/log-alone.ts";
import { type LogServer, withLogServers } from "../replicas/log-server.ts";
import { flagsOf, type SharedLog } from "../replicas/shared-log.ts";
import { duetKv, type Run } from "../results.ts";
import { pinThisProcess, unpinThisProcess } from "../server-process.ts";

const section = "replicas";
const value = "x".repeat(64);

/**
 * Replicas on a PostgreSQL that syncs, and on three servers of NATS that do. All of them, the servers and the load share all
 * cores of the machine, so more replicas do not have more cores.
 */
export async function replicas(run: Run): Promise<void> {
  unpinThisProcess();
  try {
    await withLogServers(async (server) => {
      for (const measureOn of [appends, writes, oneWriter, compactions, reads, lag, gaps]) {
        try {
          await measureOn(run, server);
        } catch (error) {
          run.failed(`${measureOn.name} of replicas on ${server.name}`, error);
        }
      }
    });
  } finally {
    pinThisProcess();
  }
}

/** Starts replicas, calls `use`, and stops those that are left. */
async function withReplicas<T>(
  log: SharedLog,
  count: number,
  use: (replicas: readonly ServerProcess[]) => Promise<T>,
  flags: readonly string[] = [],
): Promise<T> {
  const all = [...flagsOf(log), ...flags];
  const started = await Promise.all(Array.from({ length: count }, () => startServerProcess(all)));
  try {
    return await use(started);
  } finally {
    await Promise.all(started.map((replica) => replica.stop("SIGTERM")));
  }
}

async function appends(run: Run, server: LogServer): Promise<void> {
  for (const batchLength of [1, 16, 128, 512]) {
    for (const writers of [1, 3]) {
      const log = await server.createLog();
      const rate = await appendAlone(log, writers, batchLength, run.seconds);
      const what = `${server.name}: the log alone, appended by ${writers} in batches of ${batchLength}`;
      run.found({ section, what, value: rate, unit: "events/s" });
      if (writers > 1 || batchLength < 512) continue;
      const { count, perSecond } = await replayAlone(log);
      const replay = `${server.name}: replay of ${count} events`;
      run.found({ section, what: replay, value: perSecond, unit: "events/s" });
    }
  }
}

const commit: MakeRequest = (connection, call) => {
  const mutations = Array.from({ length: 100 }, (_, index) => ({
    put: { key: `${connection}/${(call * 100 + index) % 5_000}`, value },
  }));
  return httpRequest("POST", "/v1/key:commit", JSON.stringify({ mutations }));
};

const put: MakeRequest = (connection, call) =>
  httpRequest("PUT", `/v1/key/${connection}-${call % 100}`, value);

async function writes(run: Run, server: LogServer): Promise<void> {
  for (const count of [1, 3, 10]) {
    await withReplicas(await server.createLog(), count, async (started) => {
      const addresses = started.map(({ address }) => address);
      const who = `${server.name}, ${count} writing`;
      const commits = await loadServers(addresses, 24, run.seconds, commit);
      const what = `${who}: Commit of 100 over REST, 24 under way`;
      run.found({ section, what, value: commits.perSecond * 100, unit: "events/s" });
      const puts = await loadServers(addresses, 128, run.seconds, put);
      const found = (figure: string, amount: number, unit: string) =>
        run.found({ section, what: `${who}: PUT over REST, 128 under way${figure}`, value: amount, unit });
      found("", puts.perSecond, "events/s");
      found(", p50", puts.p50, "ms");
      found(", p99", puts.p99, "ms");
    });
  }
}

/** Ten replicas that all take writes, against one that takes all writes beside nine that follow; alternating. */
async function oneWriter(run: Run, server: LogServer): Promise<void> {
  await withReplicas(await server.createLog(), 10, async (started) => {
    const { address: writer } = await findWriter(started);
    const all = started.map(({ address }) => address);
    const ratios: number[] = [];
    for (let round = 0; round < (run.quick ? 1 : 5); round++) {
      const one = await loadServers([writer], 120, run.seconds, put);
      const ten = await loadServers(all, 120, run.seconds, put);
      ratios.push(ten.perSecond / one.perSecond);
    }
    const what = "PUT through ten replicas ÷ through the writer, 120 under way, median of the rounds";
    const ratio = percentiles(ratios).p50;
    run.found({ section, what: `${server.name}: ${what}`, value: ratio, unit: "times as many" });
  });
}

/** What compaction costs the writers: puts at a fixed rate, without compaction and with one soon after the other. */
async function compactions(run: Run, server: LogServer): Promise<void> {
  const seconds = run.quick ? 5 : 15;
  const measurePuts = async (bytesMin: number) =>
    withReplicas(
      await server.createLog(),
      3,
      (started) => putsBesideCompactions(started, seconds),
      compactionFlags(bytesMin),
    );
  const rounds: { readonly without: SteadyPuts; readonly beside: SteadyPuts }[] = [];
  for (let round = 0; round < (run.quick ? 1 : 3); round++) {
    rounds.push({ without: await measurePuts(1e12), beside: await measurePuts(1) });
  }
  const found = (figure: string, values: readonly number[], unit: string) => {
    const what = `${server.name}: ${steadyPuts}, ${figure}, median of the rounds`;
    run.found({ section, what, value: percentiles(values).p50, unit });
  };
  for (const figure of ["p50", "p99"] as const) {
    found(
      `without compaction, ${figure}`,
      rounds.map(({ without }) => without[figure]),
      "ms",
    );
    found(
      `beside compactions, ${figure}`,
      rounds.map(({ beside }) => beside[figure]),
      "ms",
    );
  }
  found(
    "time with a compaction under way",
    rounds.map(({ beside }) => beside.compactingShare * 100),
    "%",
  );
  const ratios = rounds.map(({ without, beside }) => beside.p99 / without.p99);
  found("p99 beside compactions ÷ without", ratios, "times as long");
}

const readKinds = [
  ["LOCAL", Consistency.LOCAL],
  ["linearizable", Consistency.LINEARIZABLE],
] as const;

/** Alternating, so that a change of the machine's speed does not look like one of the reads. */
async function reads(run: Run, server: LogServer): Promise<void> {
  const [, url = "", ...flags] = flagsOf(await server.createLog());
  const replica = await startDuetKvOn(url, flags);
  try {
    await withClient(replica.address, (client) => client.put({ key: "key", value }));
    const ratios: number[] = [];
    const all = new Map<string, Figures[]>(readKinds.map(([kind]) => [kind, []]));
    for (let round = 0; round < (run.quick ? 1 : 5); round++) {
      const rates: number[] = [];
      for (const [kind, consistency] of readKinds) {
        const request = grpcRequest(KeyValueService.method.get, { key: "key", consistency });
        const load = {
          protocol: "grpc",
          requests: [request],
          concurrency: 64,
          seconds: run.seconds,
        } as const;
        const figures = await measure(replica, load);
        rates.push(figures.perSecond);
        all.get(kind)?.push(figures);
      }
      ratios.push((rates[1] as number) / (rates[0] as number));
    }
    for (const [kind, figures] of all) {
      const where = {
        section,
        what: `${server.name}: get, ${kind}`,
        server: duetKv,
        protocol: "gRPC",
      } as const;
      run.measured({ ...where, concurrency: 64, ...median(figures) });
    }
    const what = `${server.name}: get, linearizable ÷ LOCAL, median of the rounds`;
    run.found({ section, what, value: percentiles(ratios).p50, unit: "times as many" });
  } finally {
    await replica.stop();
  }
}

async function lag(run: Run, server: LogServer): Promise<void> {
  await withReplicas(await server.createLog(), 2, async ([one, two]) => {
    const lags = await measureLags(
      (one as ServerProcess).address,
      (two as ServerProcess).address,
      run.quick ? 100 : 500,
    );
    const { p50, p99 } = percentiles(lags);
    const what = `${server.name}: from the response of a put on one to its event on another`;
    run.found({ section, what: `${what}, p50`, value: p50, unit: "ms" });
    run.found({ section, what: `${what}, p99`, value: p99, unit: "ms" });
  });
}

/** How long writes wait when what appends them is killed. */
async function gaps(run: Run, server: LogServer): Promise<void> {
  const log = await server.createLog();
  await withReplicas(log, 3, async (started) => {
    const found = (killed: string, gapMs: number) => {
      const what = `${server.name}: longest time without an acknowledged put when ${killed} is killed`;
      run.found({ section, what, value: gapMs, unit: "ms" });
    };
    const writer = await findWriter(started);
    const others = started.filter((replica) => replica !== writer).map(({ address }) => address);
    found("the writer", await measureGap(others, () => writer.stop("SIGKILL")));
    if (server.killLeader === undefined) return;
    let startAgain: (() => void) | undefined;
    const kill = async () => {
      startAgain = await server.killLeader?.(log);
    };
    found("the server that leads the log", await measureGap(others, kill));
    startAgain?.();
  });
}
