import { Consistency, KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { findWriter } from "../../test/support/find-writer.ts";
import { type PostgresServer, startPostgres } from "../../test/support/postgres.ts";
import { startServerProcess } from "../../test/support/server-process.ts";
import { startDuetKvOn, withClient } from "../duetkv.ts";
import { type Figures, measure, median } from "../load/measure.ts";
import { percentiles } from "../load/percentiles.ts";
import { grpcRequest } from "../load/requests.ts";
import { httpRequest, loadServers, type MakeRequest } from "../replicas/http-load.ts";
import { measureLags } from "../replicas/lag.ts";
import { appendAlone, replayAlone } from "../replicas/log-alone.ts";
import { duetKv, type Run } from "../results.ts";

const section = "replicas";
const value = "x".repeat(64);

/**
 * Replicas on one PostgreSQL that syncs. All of them, the database and the load share the machine, so more replicas do
 * not have more cores.
 */
export async function replicas(run: Run): Promise<void> {
  const server = await startPostgres({ fsync: "on" });
  try {
    await appends(run, server);
    await writes(run, server);
    await oneWriter(run, server);
    await reads(run, server);
    await lag(run, server);
  } finally {
    await server.stop();
  }
}

async function appends(run: Run, server: PostgresServer): Promise<void> {
  for (const batchLength of [128, 512]) {
    for (const writers of [1, 2, 3]) {
      const url = await server.createDatabase();
      const rate = await appendAlone(url, writers, batchLength, run.seconds);
      const what = `the log alone, appended by ${writers} in batches of ${batchLength}`;
      run.found({ section, what, value: rate, unit: "events/s" });
      if (writers > 1 || batchLength === 128) continue;
      const { count, perSecond } = await replayAlone(url);
      run.found({ section, what: `replay of ${count} events`, value: perSecond, unit: "events/s" });
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

async function writes(run: Run, server: PostgresServer): Promise<void> {
  for (const count of [1, 2, 3]) {
    const url = await server.createDatabase();
    const started = await Promise.all(
      Array.from({ length: count }, () => startServerProcess(["--log", url])),
    );
    try {
      const addresses = started.map(({ address }) => address);
      const who = `${count} writing`;
      const commits = await loadServers(addresses, 24, run.seconds, commit);
      const what = `${who}: Commit of 100 over REST, 24 under way`;
      run.found({ section, what, value: commits.perSecond * 100, unit: "events/s" });
      const puts = await loadServers(addresses, 128, run.seconds, put);
      const found = (figure: string, amount: number, unit: string) =>
        run.found({ section, what: `${who}: PUT over REST, 128 under way${figure}`, value: amount, unit });
      found("", puts.perSecond, "events/s");
      found(", p50", puts.p50, "ms");
      found(", p99", puts.p99, "ms");
    } finally {
      await Promise.all(started.map((replica) => replica.stop("SIGTERM")));
    }
  }
}

/** Ten replicas that all take writes, against one that takes all writes beside nine that follow; alternating. */
async function oneWriter(run: Run, server: PostgresServer): Promise<void> {
  const url = await server.createDatabase();
  const started = await Promise.all(Array.from({ length: 10 }, () => startServerProcess(["--log", url])));
  try {
    const { address: writer } = await findWriter(started);
    const all = started.map(({ address }) => address);
    const ratios: number[] = [];
    for (let round = 0; round < (run.quick ? 1 : 5); round++) {
      const one = await loadServers([writer], 120, run.seconds, put);
      const ten = await loadServers(all, 120, run.seconds, put);
      ratios.push(ten.perSecond / one.perSecond);
    }
    const what = "PUT through ten replicas ÷ through the writer, 120 under way, median of the rounds";
    run.found({ section, what, value: percentiles(ratios).p50, unit: "times as many" });
  } finally {
    await Promise.all(started.map((replica) => replica.stop("SIGTERM")));
  }
}

const readKinds = [
  ["LOCAL", Consistency.LOCAL],
  ["linearizable", Consistency.LINEARIZABLE],
] as const;

/** Alternating, so that a change of the machine's speed does not look like one of the reads. */
async function reads(run: Run, server: PostgresServer): Promise<void> {
  const replica = await startDuetKvOn(await server.createDatabase());
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
      const where = { section, what: `get, ${kind}`, server: duetKv, protocol: "gRPC" } as const;
      run.measured({ ...where, concurrency: 64, ...median(figures) });
    }
    const what = "get, linearizable ÷ LOCAL, median of the rounds";
    run.found({ section, what, value: percentiles(ratios).p50, unit: "times as many" });
  } finally {
    await replica.stop();
  }
}

async function lag(run: Run, server: PostgresServer): Promise<void> {
  const url = await server.createDatabase();
  const [one, two] = await Promise.all([
    startServerProcess(["--log", url]),
    startServerProcess(["--log", url]),
  ]);
  try {
    const { p50, p99 } = percentiles(await measureLags(one.address, two.address, run.quick ? 100 : 500));
    const what = "from the response of a put on one to its event on another";
    run.found({ section, what: `${what}, p50`, value: p50, unit: "ms" });
    run.found({ section, what: `${what}, p99`, value: p99, unit: "ms" });
  } finally {
    await Promise.all([one.stop("SIGTERM"), two.stop("SIGTERM")]);
  }
}
