// What a policy, metrics and traces cost a gRPC get, in CPU time: `node bench/overheads.ts`. Each part runs by itself, and a
// whole get through a server, with metrics; the least of several rounds counts, since other work on the machine only adds.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { GetRequestSchema, KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { createMetrics } from "../src/admin/metrics.ts";
import { silentLogger } from "../src/logging.ts";
import type { Caller } from "../src/security/caller.ts";
import type { Identity } from "../src/security/identity.ts";
import { findRule } from "../src/security/method-rules.ts";
import { openSecurity } from "../src/security/security.ts";
import { createToken } from "../src/security/token.ts";
import { CallLog } from "../src/telemetry/call-log.ts";
import { createObserve } from "../src/telemetry/observe-calls.ts";
import { encodeSpans, type Span } from "../src/telemetry/span.ts";
import { Tracer } from "../src/telemetry/tracer.ts";
import { keyOf, withDirectory, withDuetKv } from "./duetkv.ts";
import { measureWarm } from "./load/measure.ts";
import { grpcRequest } from "./load/requests.ts";
import { sendEach } from "./load/send-each.ts";
import { pinThisProcess } from "./server-process.ts";

const rounds = Number(process.env["ROUNDS"] ?? 10);
const calls = 100_000;
const { get, put } = KeyValueService.method;

/** Microseconds of CPU of one of many calls. */
function measure(call: (index: number) => void): number {
  const micros = Array.from({ length: rounds + 1 }, () => {
    const before = process.cpuUsage();
    for (let index = 0; index < calls; index++) call(index);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / calls;
  });
  // The first round warms up.
  return Math.min(...micros.slice(1));
}

/** Finding the caller of a get, and judging it. */
async function measurePolicy(directory: string, tokenCount: number, ruleCount: number): Promise<number> {
  const tokens = Array.from({ length: tokenCount }, () => createToken());
  const prefixes = Array.from({ length: ruleCount }, (_, index) => `svc/${index}/`);
  const content = {
    version: 1,
    roles: { reader: prefixes.map((prefix) => ({ prefix, allow: ["read", "list"] })) },
    tokens: tokens.map(({ id, hash }, index) => ({ id, name: `name${index}`, hash, roles: ["reader"] })),
  };
  const policy = join(directory, "policy.json");
  writeFileSync(policy, JSON.stringify(content));
  const security = await openSecurity({ policy, log: silentLogger });
  // A thousand connections, each with a token of its own.
  const origins = tokens.slice(0, 1000).map(({ token }) => ({
    header: (name: string) => (name === "authorization" ? `Bearer ${token}` : undefined),
    peer: { address: "127.0.0.1", certificate: undefined },
  }));
  const request = create(GetRequestSchema, { key: `${prefixes.at(-1)}a-key` });
  const authorize = findRule(get).authorize as (identity: Identity, message: typeof request) => void;
  const micros = measure((index) => {
    const origin = origins[index % origins.length] as (typeof origins)[number];
    authorize((security.authenticate(origin, get, "grpc") as Caller).identity, request);
  });
  await security.close();
  return micros;
}

/** Observing a get that begins a trace of which this share is sampled; undefined: nothing is traced. */
function measureObserver(ratio: number | undefined): number {
  const readiness = { readsFault: () => undefined, writesFault: () => undefined };
  const metrics = createMetrics({ readiness, version: "0", log: "memory" });
  const spans: Span[] = [];
  const exportSpan = (span: Span) => {
    spans.push(span);
    if (spans.length === 512) encodeSpans(spans.splice(0), { "service.name": "duetkv" });
  };
  const observe = createObserve({
    countCalls: (method) => metrics.countCalls(method),
    tracer: ratio === undefined ? undefined : new Tracer({ parentBased: true, ratio }, exportSpan),
    callLog: new CallLog({ log: silentLogger, accessLog: false, slowMs: undefined }),
    log: silentLogger,
  });
  const observer = observe(KeyValueService, "get");
  const context = {
    protocolName: "grpc",
    requestMethod: "POST",
    span: undefined,
    header: () => undefined,
  } as never;
  const micros = measure(() => observer.end(context, observer.begin(context), 0.1));
  metrics.close();
  return micros;
}

/** A whole get, of 64 that are under way. */
function measureGet(): Promise<number> {
  return withDuetKv([], async (server) => {
    await sendEach(server.address, [grpcRequest(put, { key: keyOf(0), value: "v".repeat(64) })]);
    const requests = [grpcRequest(get, { key: keyOf(0) })];
    const micros: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const load = { protocol: "grpc", requests, concurrency: 64, seconds: 1 } as const;
      micros.push((await measureWarm(server, load)).cpuMicros);
    }
    return Math.min(...micros.slice(1));
  });
}

pinThisProcess();
await withDirectory(async (directory) => {
  const whole = await measureGet();
  console.log(`a get: ${whole.toFixed(1)} µs`);
  const show = (name: string, micros: number) =>
    console.log(`${name}: ${micros.toFixed(2)} µs, ${((micros / whole) * 100).toFixed(1)} %`);
  show("a policy of 1 token and 1 rule", await measurePolicy(directory, 1, 1));
  show("a policy of 10,000 tokens and 1,000 rules", await measurePolicy(directory, 10_000, 1000));
  const counted = measureObserver(undefined);
  show("metrics", counted);
  show("tracing that samples none", measureObserver(0) - counted);
  show("tracing that samples 1 of 10,000", measureObserver(0.0001) - counted);
  show("tracing that samples all", measureObserver(1) - counted);
});
