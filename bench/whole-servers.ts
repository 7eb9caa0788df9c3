// What a policy, scrapes, traces and logs of calls cost a gRPC get of a whole server: `node bench/whole-servers.ts`. Servers
// with and without them run side by side and take turns; a ratio is the median of those of the rounds.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { createToken } from "../src/security/token.ts";
import { keyOf, startDuetKv, withDirectory } from "./duetkv.ts";
import type { Request } from "./load/load.ts";
import { type Figures, measureWarm, middleOf } from "./load/measure.ts";
import { grpcRequest } from "./load/requests.ts";
import { sendEach } from "./load/send-each.ts";
import { pinThisProcess, type ServerProcess } from "./server-process.ts";

const rounds = Number(process.env["ROUNDS"] ?? 10);
const { get, put } = KeyValueService.method;

interface Contender {
  readonly name: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly token?: string;
  /** Reads the metrics all the time that it is measured, once in this many milliseconds. */
  readonly scrapeMs?: number;
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
    { name: "tracing that samples none", environment: tracing("0") },
    { name: "tracing that samples 1 of 100", environment: tracing("0.01") },
    { name: "tracing that samples all", environment: tracing("1") },
    { name: "--access-log on", flags: ["--access-log", "on"] },
  ];
}

async function measure({ token, scrapeMs }: Contender, server: ServerProcess): Promise<Figures> {
  const requests = [withToken(grpcRequest(get, { key: keyOf(0) }), token)];
  const scrape = async () => void (await (await fetch(`http://${server.adminAddress}/metrics`)).text());
  const scraping = scrapeMs === undefined ? undefined : setInterval(() => void scrape(), scrapeMs);
  try {
    return await measureWarm(server, { protocol: "grpc", requests, concurrency: 64, seconds: 1 });
  } finally {
    clearInterval(scraping);
  }
}

function withToken(request: Request, token: string | undefined): Request {
  if (token === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

function show(contenders: readonly Contender[], rows: readonly (readonly Figures[])[]): void {
  console.log("| | CPU of a get | get/s |\n| --- | ---: | ---: |");
  for (const [at, { name }] of contenders.entries()) {
    const ratio = (figure: (figures: Figures) => number): string =>
      middleOf(rows.map((row) => figure(row[at] as Figures) / figure(row[0] as Figures))).toFixed(2);
    console.log(
      `| ${name} | ${ratio(({ cpuMicros }) => cpuMicros)} | ${ratio(({ perSecond }) => perSecond)} |`,
    );
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
    const rows: Figures[][] = [];
    for (let round = -2; round < rounds; round++) {
      const row: Figures[] = [];
      for (const [at, contender] of contenders.entries())
        row.push(await measure(contender, servers[at] as ServerProcess));
      // The first rounds warm the servers up.
      if (round >= 0) rows.push(row);
    }
    show(contenders, rows);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    collector.close();
  }
});
