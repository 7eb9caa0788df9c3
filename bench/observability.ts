// What a policy, metrics and traces cost a gRPC get, in CPU time of the server: `node bench/observability.ts`. The servers run
// side by side and take turns; each figure is the least of the rounds: other work on the machine only adds to it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { createMetrics } from "../src/admin/metrics.ts";
import { silentLogger } from "../src/logging.ts";
import { createToken } from "../src/security/token.ts";
import { CallLog } from "../src/telemetry/call-log.ts";
import { createObserve } from "../src/telemetry/observe-calls.ts";
import { keyOf, withDirectory } from "./duetkv.ts";
import type { Request } from "./load/load.ts";
import { measureWarm } from "./load/measure.ts";
import { grpcRequest } from "./load/requests.ts";
import { sendEach } from "./load/send-each.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

const rounds = Number(process.env["ROUNDS"] ?? 15);
const seconds = Number(process.env["SECONDS"] ?? 1);
const { get, put } = KeyValueService.method;
/** Nobody listens there: what is exported is made, and dropped. */
const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };

interface Variant {
  readonly name: string;
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** A policy of 10,000 tokens and 1,000 rules, and the header that sends one of the tokens. */
function createPolicy(path: string) {
  const tokens = Array.from({ length: 10_000 }, () => createToken());
  const content = {
    version: 1,
    roles: {
      all: Array.from({ length: 1000 }, (_, index) => ({
        prefix: index === 0 ? "" : `svc/${index}/`,
        allow: ["read", "write"],
      })),
    },
    tokens: tokens.map(({ id, hash }, index) => ({ id, hash, name: `name${index}`, roles: ["all"] })),
  };
  writeFileSync(path, JSON.stringify(content));
  return { authorization: `Bearer ${tokens.at(-1)?.token}` };
}

function request(method: typeof get | typeof put, { headers }: Variant): Request {
  const made =
    method === put
      ? grpcRequest(put, { key: keyOf(0), value: "v".repeat(64) })
      : grpcRequest(get, { key: keyOf(0) });
  return { ...made, headers: { ...made.headers, ...headers } };
}

function start({ flags, environment }: Variant): Promise<ServerProcess> {
  const main = new URL("../src/main.ts", import.meta.url).pathname;
  const anywhere = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "memory:"];
  return startServer(
    [process.execPath, "--no-allocation-site-pretenuring", main, ...anywhere, ...flags],
    environment,
  );
}

/** Microseconds of CPU that counting and observing a call takes, by itself. */
function measureMetrics(): number {
  const readiness = { readsFault: () => undefined, writesFault: () => undefined };
  const metrics = createMetrics({ readiness, version: "0", log: "memory" });
  const callLog = new CallLog({ log: silentLogger, accessLog: false, slowMs: undefined });
  const countCalls = metrics.countCalls.bind(metrics);
  const observe = createObserve({ countCalls, tracer: undefined, callLog, log: silentLogger });
  const observer = observe(KeyValueService, "get");
  const context = { protocolName: "grpc" } as never;
  const run = (calls: number) => {
    const before = process.cpuUsage();
    for (let call = 0; call < calls; call++) observer.end(context, observer.begin(context), 0.1);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / calls;
  };
  run(200_000);
  const micros = run(2_000_000);
  metrics.close();
  return micros;
}

await withDirectory(async (directory) => {
  const policy = join(directory, "policy.json");
  const variants: readonly Variant[] = [
    { name: "nothing", flags: [], environment: {}, headers: {} },
    { name: "a policy", flags: ["--policy", policy], environment: {}, headers: createPolicy(policy) },
    {
      name: "traces, not sampled",
      flags: [],
      environment: { ...collector, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.0001" },
      headers: {},
    },
    { name: "traces, all sampled", flags: [], environment: collector, headers: {} },
  ];
  const servers: ServerProcess[] = [];
  try {
    for (const variant of variants) {
      const server = await start(variant);
      servers.push(server);
      await sendEach(server.address, [request(put, variant)]);
    }
    const micros: number[][] = variants.map(() => []);
    for (let round = 0; round <= rounds; round++) {
      for (const index of round % 2 === 0 ? [0, 1, 2, 3] : [3, 2, 1, 0]) {
        const requests = [request(get, variants[index] as Variant)];
        const load = { protocol: "grpc", requests, concurrency: 64, seconds } as const;
        const { cpuMicros } = await measureWarm(servers[index] as ServerProcess, load);
        // The first round warms up.
        if (round > 0) micros[index]?.push(cpuMicros);
      }
    }
    const [base = 0, ...others] = micros.map((each) => Math.min(...each));
    for (const [index, own] of [base, ...others].entries()) {
      const percent = ((own / base - 1) * 100).toFixed(1);
      console.log(`${variants[index]?.name}: ${own.toFixed(2)} µs of CPU a get, ${percent} % more`);
    }
    const counting = measureMetrics();
    const share = (counting / base) * 100;
    console.log(`metrics are in all of them: ${counting.toFixed(2)} µs a get, ${share.toFixed(1)} %`);
  } finally {
    for (const server of servers) await server.stop();
  }
});
