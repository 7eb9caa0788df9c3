// What a policy, scrapes, traces and logs of calls cost a gRPC get of a whole server: `node bench/whole-servers.ts`. Servers
// with and without them run side by side and take turns, each time in another order. Each gets the same calls in the same
// batches: only CPU time is compared. A ratio is the median of those of the rounds, to a server with nothing; that of calls with
// deadlines is to calls with deadlines.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { createToken } from "../src/security/token.ts";
import { keyOf, startDuetKv, withDirectory } from "./duetkv.ts";
import type { Request } from "./load/load.ts";
import { middleOf } from "./load/measure.ts";
import { grpcRequest } from "./load/requests.ts";
import { sendBatches } from "./load/send-batches.ts";
import { sendEach } from "./load/send-each.ts";
import { pinThisProcess, type ServerProcess } from "./server-process.ts";

const rounds = Number(process.env["ROUNDS"] ?? 10);
const roundsToWarmUp = 3;
/** Enough that a tick of the CPU time, 10 ms, is no more than 3 %. */
const getsOfRound = 50_000;
const getsOfBatch = 32;
const { get, put } = KeyValueService.method;

interface Contender {
  readonly name: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly token?: string;
  /** Reads the metrics all the time that it is measured, once in this many milliseconds. */
  readonly scrapeMs?: number;
  /** Whether each call has a deadline of its own. */
  readonly deadlines?: boolean;
}

/** A policy with this many tokens and rules; the token returned is that of the last. */
function writePolicy(
  directory: string,
  tokenCount: number,
  ruleCount: number,
): { path: string; token: string } {
  const tokens = Array.from({ length: tokenCount }, () => createToken());
  const prefixes = Array.from({ length: ruleCount }, (_, index) => (index === 0 ? "key " : `svc/${index}/`));
  const content = {
    version: 1,
    roles: { user: prefixes.map((prefix) => ({ prefix, allow: ["*"] })) },
    tokens: tokens.map(({ id, hash }, index) => ({ id, name: `name${index}`, hash, roles: ["user"] })),
  };
  const path = join(directory, `policy-${tokenCount}.json`);
  writeFileSync(path, JSON.stringify(content));
  return { path, token: tokens.at(-1)?.token ?? "" };
}

/** A collector of traces that takes everything. */
async function startCollector(): Promise<{ url: string; close: () => void }> {
  const server = createServer(
    (request, response) => void request.resume().on("end", () => response.end("{}")),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

function contendersOf(directory: string, collector: string): [Contender, ...Contender[]] {
  const [small, large] = [writePolicy(directory, 1, 1), writePolicy(directory, 10_000, 1000)];
  const tracing = (sampler: string) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector,
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: sampler,
  });
  return [
    { name: "nothing" },
    { name: "nothing, again" },
    { name: "a policy of 1 token and 1 rule", flags: ["--policy", small.path], token: small.token },
    {
      name: "a policy of 10,000 tokens and 1,000 rules",
      flags: ["--policy", large.path],
      token: large.token,
    },
    { name: "metrics read each 100 ms", scrapeMs: 100 },
    {
      name: "a policy of 1 token and 1 rule, metrics read each second",
      flags: ["--policy", small.path],
      token: small.token,
      scrapeMs: 1000,
    },
    { name: "tracing that samples none", environment: tracing("0") },
    { name: "tracing that samples 1 of 100", environment: tracing("0.01") },
    { name: "tracing that samples all", environment: tracing("1") },
    { name: "--access-log on", flags: ["--access-log", "on"] },
    { name: "deadlines: nothing", deadlines: true },
    {
      name: "deadlines: a policy of 1 token and 1 rule",
      flags: ["--policy", small.path],
      token: small.token,
      deadlines: true,
    },
    { name: "deadlines: tracing that samples none", environment: tracing("0"), deadlines: true },
  ];
}

/** Microseconds of the server's CPU for each get. */
async function measure({ token, scrapeMs, deadlines }: Contender, server: ServerProcess): Promise<number> {
  const request = withToken(grpcRequest(get, { key: keyOf(0) }), token);
  const scrape = async () => void (await (await fetch(`http://${server.adminAddress}/metrics`)).text());
  const before = server.cpuMicros();
  const scraping = scrapeMs === undefined ? undefined : setInterval(() => void scrape(), scrapeMs);
  try {
    await sendBatches(server.address, request, getsOfRound, getsOfBatch, deadlines);
  } finally {
    clearInterval(scraping);
  }
  return (server.cpuMicros() - before) / getsOfRound;
}

function withToken(request: Request, token: string | undefined): Request {
  if (token === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

/** `rows` has the microseconds of each contender, for each round. */
function show(contenders: readonly Contender[], rows: readonly (readonly number[])[]): void {
  console.log("| | µs of a get | ratio |\n| --- | ---: | ---: |");
  for (const [at, { name, deadlines }] of contenders.entries()) {
    const base = contenders.findIndex((each) => each.deadlines === deadlines);
    const micros = middleOf(rows.map((row) => row[at] as number));
    const ratio = middleOf(rows.map((row) => (row[at] as number) / (row[base] as number)));
    console.log(`| ${name} | ${micros.toFixed(1)} | ${ratio.toFixed(2)} |`);
  }
}

pinThisProcess();
await withDirectory(async (directory) => {
  const collector = await startCollector();
  const contenders = contendersOf(directory, collector.url);
  const servers: ServerProcess[] = [];
  try {
    for (const [at, { flags, environment, token }] of contenders.entries()) {
      const server = await startDuetKv(join(directory, String(at)), flags, undefined, environment);
      servers.push(server);
      await sendEach(server.address, [
        withToken(grpcRequest(put, { key: keyOf(0), value: "v".repeat(64) }), token),
      ]);
    }
    const rows: number[][] = [];
    for (let round = -roundsToWarmUp; round < rounds; round++) {
      const row: number[] = [];
      for (const turn of contenders.keys()) {
        const at = (turn + round + roundsToWarmUp) % contenders.length;
        row[at] = await measure(contenders[at] as Contender, servers[at] as ServerProcess);
      }
      if (round >= 0) rows.push(row);
    }
    show(contenders, rows);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    collector.close();
  }
});
