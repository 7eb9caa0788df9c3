/**
 * Replicas on one PostgreSQL of their own, with fsync: `node bench/replicas.ts`. Prints Markdown tables. Everything runs
 * on this machine, the client too, so more replicas do not have more cores: compare the shape, and the CPU per request.
 */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism, loadavg } from "node:os";
import { replay } from "../src/committer/replay.ts";
import { Store } from "../src/store/store.ts";
import { silentSink } from "../src/transaction-log/log-sink.ts";
import { openPostgresTransactionLogger } from "../src/transaction-log/postgres/open-postgres-transaction-logger.ts";
import { openClient } from "../test/end-to-end/every-client.ts";
import { type PostgresServer, startPostgres } from "../test/support/postgres.ts";
import { type ServerProcess, startServerProcess } from "../test/support/server-process.ts";

const measureMs = 4_000;
const value = "x".repeat(64);

interface Load {
  readonly perSecond: number;
  /** Of all replicas together, for each request. */
  readonly cpuMicroseconds: number;
  readonly p50: number;
  readonly p99: number;
}

/** Makes the request of a connection's n-th call. */
type MakeRequest = (connection: number, call: number) => string;

/** Keeps one request under way on each of `connections` connections, spread over the replicas. */
async function load(
  replicas: readonly ServerProcess[],
  connections: number,
  make: MakeRequest,
): Promise<Load> {
  const latencies: number[] = [];
  const cpuBefore = cpuSeconds(replicas);
  const start = performance.now();
  const all = Array.from({ length: connections }, (_, index) => {
    const replica = replicas[index % replicas.length] as ServerProcess;
    return callOn(replica.address, (call) => make(index, call), start + measureMs, latencies);
  });
  await Promise.all(all);
  const seconds = (performance.now() - start) / 1000;
  const cpu = cpuSeconds(replicas) - cpuBefore;
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / seconds,
    cpuMicroseconds: (cpu * 1e6) / latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

/** One HTTP/1.1 connection, read no further than it must be: a client that costs next to nothing. */
function callOn(
  address: string,
  make: (call: number) => string,
  until: number,
  latencies: number[],
): Promise<void> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connect({ host, port: Number(port), noDelay: true });
  let text = "";
  let call = 0;
  let sent = 0;
  const send = () => {
    sent = performance.now();
    socket.write(make(call++));
  };
  return new Promise((resolve, reject) => {
    socket.on("connect", send).on("error", reject);
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const head = text.indexOf("\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(text)?.[1];
      if (head < 0 || length === undefined || text.length < head + 4 + Number(length)) return;
      if (!text.startsWith("HTTP/1.1 2")) reject(new Error(text));
      text = "";
      const now = performance.now();
      latencies.push(now - sent);
      if (now < until) {
        send();
      } else {
        socket.destroy();
        resolve();
      }
    });
  });
}

function http(method: string, target: string, body = ""): string {
  const type = body.startsWith("{") ? "application/json" : "text/plain";
  const content = body === "" ? "" : `content-type: ${type}\r\ncontent-length: ${body.length}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nhost: a\r\n${content}\r\n${body}`;
}

function cpuSeconds(replicas: readonly ServerProcess[]): number {
  let ticks = 0;
  for (const { pid } of replicas) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / 100;
}

function quantile(sorted: readonly number[], at: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

async function withReplicas(
  server: PostgresServer,
  count: number,
  use: (replicas: readonly ServerProcess[], url: string) => Promise<void>,
): Promise<void> {
  const url = await server.createDatabase();
  const replicas = await Promise.all(Array.from({ length: count }, () => startServerProcess(["--log", url])));
  try {
    await use(replicas, url);
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop("SIGTERM")));
  }
}

const commit: MakeRequest = (connection, call) => {
  const mutations = Array.from({ length: 100 }, (_, index) => ({
    put: { key: `${connection}/${(call * 100 + index) % 5_000}`, value },
  }));
  return http("POST", "/v1/key:commit", JSON.stringify({ mutations }));
};

const put: MakeRequest = (connection, call) => http("PUT", `/v1/key/${connection}-${call % 100}`, value);

const ms = (milliseconds: number) => milliseconds.toFixed(1);

async function measureWrites(server: PostgresServer): Promise<void> {
  const conflicts = "batches/s";
  console.log(
    `| replicas that write | events/s, Commit of 100 | puts/s, 128 in flight | p50 ms | p99 ms | µs CPU | ${conflicts} |`,
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const count of [1, 2, 3]) {
    await withReplicas(server, count, async (replicas, url) => {
      const many = await load(replicas, 24, commit);
      const before = await countBatches(server, url);
      const single = await load(replicas, 128, put);
      const batches = ((await countBatches(server, url)) - before) / (measureMs / 1000);
      const figures = [many.perSecond * 100, single.perSecond].map(Math.round);
      const times = [single.p50, single.p99].map(ms);
      console.log(
        `| ${count} | ${[...figures, ...times, Math.round(single.cpuMicroseconds), Math.round(batches)].join(" | ")} |`,
      );
    });
  }
}

async function countBatches(server: PostgresServer, url: string): Promise<number> {
  return Number((await server.query(url, "SELECT count(*) FROM duetkv.batches"))[0]?.["count"]);
}

async function measureReadsAndLag(server: PostgresServer): Promise<void> {
  await withReplicas(server, 2, async (replicas, url) => {
    const [one, two] = replicas as [ServerProcess, ServerProcess];
    await load([one], 1, (_, call) => http("PUT", `/v1/key/${call}`, value));
    console.log("\n| 64 gets in flight on one replica | gets/s | p50 ms | p99 ms | µs CPU |");
    console.log("| --- | ---: | ---: | ---: | ---: |");
    const kinds = [
      ["LOCAL", "?consistency=local"],
      ["linearizable", ""],
    ] as const;
    // Twice, so that a change of the machine's load shows.
    for (const [kind, query] of [...kinds, ...kinds]) {
      const reads = await load([one], 64, () => http("GET", `/v1/key/1${query}`));
      console.log(
        `| ${kind} | ${Math.round(reads.perSecond)} | ${ms(reads.p50)} | ${ms(reads.p99)} | ${Math.round(reads.cpuMicroseconds)} |`,
      );
    }
    await measureLag(one, two);
    await measureReplay(server, one, url);
  });
}

/** From the moment that the writer hears of its put to the moment that a watch on another replica tells of it. */
async function measureLag(one: ServerProcess, two: ServerProcess): Promise<void> {
  const [writer, watcher] = [
    openClient("gRPC by grpc-js", one.address),
    openClient("gRPC by grpc-js", two.address),
  ];
  const abort = new AbortController();
  const seen = new Map<bigint, number>();
  const watching = (async () => {
    for await (const { revision } of watcher.watch({ key: "lag" }, abort.signal))
      seen.set(revision, performance.now());
  })();
  const lags: number[] = [];
  for (let count = 0; count < 300; count++) {
    const { revision } = await writer.put({ key: "lag", value });
    const acknowledged = performance.now();
    while (!seen.has(revision)) await new Promise((resolve) => setImmediate(resolve));
    lags.push(Math.max(0, (seen.get(revision) as number) - acknowledged));
  }
  abort.abort();
  await watching;
  writer.close();
  watcher.close();
  lags.sort((a, b) => a - b);
  console.log(
    `\nLag from the answer on one replica to the event on another: p50 ${ms(quantile(lags, 0.5))} ms, p99 ${ms(quantile(lags, 0.99))} ms.`,
  );
}

async function measureReplay(server: PostgresServer, writer: ServerProcess, url: string): Promise<void> {
  await load([writer], 8, commit);
  const logger = await openPostgresTransactionLogger({ url, log: silentSink });
  const start = performance.now();
  let transactions = 0;
  const [row] = await server.query(url, "SELECT count(*) FROM duetkv.transactions");
  await replay(logger, new Store(), () => transactions++);
  const seconds = (performance.now() - start) / 1000;
  await logger.close();
  const events = Number(row?.["count"]);
  console.log(
    `\nReplay: ${events} events in ${seconds.toFixed(1)} s, ${Math.round(events / seconds)} a second.`,
  );
}

const server = await startPostgres({ fsync: "on" });
try {
  console.log(
    `${availableParallelism()} cores, load average ${loadavg()[0]?.toFixed(1)}, values of 64 bytes\n`,
  );
  await measureWrites(server);
  await measureReadsAndLag(server);
} finally {
  await server.stop();
}
