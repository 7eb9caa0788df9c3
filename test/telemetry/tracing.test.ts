import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { createConfiguration } from "../../src/config/configuration.ts";
import { type Logger, silentLogger } from "../../src/logging.ts";
import { openServer } from "../../src/server.ts";
import { readOtelConfiguration } from "../../src/telemetry/otel-configuration.ts";
import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import { closeIdleConnections, request } from "../support/rest-request.ts";
import { until } from "../support/until.ts";
import { startCollector } from "./collector.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = (flags: string) => `00-${traceId}-${spanId}-${flags}`;

interface Serving {
  readonly url: string;
  readonly admin: string;
  readonly close: () => Promise<void>;
  readonly lines: { readonly event: string; readonly [field: string]: unknown }[];
}

async function start(
  environment: Record<string, string>,
  flags: Record<string, string> = {},
): Promise<Serving> {
  const anywhere = { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" };
  const lines: Serving["lines"] = [];
  const note = (fields: object, event: string) => void lines.push({ ...fields, event });
  const log: Logger = { ...silentLogger, info: note, warn: note, error: note };
  const otel = readOtelConfiguration({ OTEL_BSP_SCHEDULE_DELAY: "10", ...environment }, "0");
  const open = async () => new MemoryTransactionLogger();
  const server = await openServer(
    createConfiguration({ ...anywhere, ...flags }, {}),
    open,
    log,
    undefined,
    otel,
  );
  let closing: Promise<void> | undefined;
  const close = () => {
    closeIdleConnections();
    return (closing ??= server.close());
  };
  onTestFinished(close);
  const admin = `http://127.0.0.1:${server.adminAddress.port}`;
  return { url: `http://127.0.0.1:${server.address.port}`, admin, close, lines };
}

const transports: readonly [string, (baseUrl: string) => Transport][] = [
  ["grpc", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["grpc-web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
];

test.each(transports)(
  "%s: a sampled call becomes a span of its caller's trace",
  async (protocol, transport) => {
    const collector = await startCollector();
    const { url } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: "kv" });
    const client = createClient(KeyValueService, transport(url));
    const headers = { traceparent: traceparent("01"), tracestate: "vendor=1" };
    await client.put({ key: "secret-key", value: "secret-value" }, { headers });
    await client.get({ key: "absent" }, { headers }).catch(() => {});
    await client.get({ key: "secret-key" }, { headers: { traceparent: traceparent("00") } });
    const left = new AbortController();
    const watching = client
      .watch({ key: "secret-key" }, { headers, signal: left.signal })
      [Symbol.asyncIterator]();
    await watching.next();
    left.abort();
    await expect(watching.next()).rejects.toThrow("canceled");
    const calls = () => collector.spans.filter(({ kind }) => kind === 2);
    await until(() => calls().length === 3);
    const [put, get, watch] = calls();
    expect(put).toMatchObject({ traceId, parentSpanId: spanId, traceState: "vendor=1", kind: 2, status: {} });
    expect(put?.name).toBe("duetkv.v1.KeyValueService/Put");
    expect(watch?.name).toBe("duetkv.v1.KeyValueService/Watch");
    expect(BigInt(put?.endTimeUnixNano ?? 0) - BigInt(put?.startTimeUnixNano ?? 0)).toBeGreaterThan(0n);
    const attributes = Object.fromEntries(
      (get?.attributes ?? []).map(({ key, value }) => [key, value.stringValue]),
    );
    expect(attributes).toEqual({
      "rpc.system.name": protocol,
      "rpc.method": "duetkv.v1.KeyValueService/Get",
      "rpc.response.status_code": "NOT_FOUND",
      "duetkv.reason": "NO_SUCH_KEY",
    });
    expect(JSON.stringify(collector.resources)).toContain(
      '{"key":"service.name","value":{"stringValue":"kv"}}',
    );
    expect(JSON.stringify(collector.spans)).not.toContain("secret");
  },
);

test("REST: spans name the route and not the key; a call without context begins a trace", async () => {
  const collector = await startCollector();
  const { url } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await request(url, "PUT", "/v1/key/secret", {}, "1");
  await until(() => collector.spans.some(({ kind }) => kind === 2));
  const span = collector.spans.find(({ kind }) => kind === 2);
  expect(span?.parentSpanId).toBeUndefined();
  expect(span?.traceId).toMatch(/^[\da-f]{32}$/);
  expect(span?.attributes).toContainEqual({ key: "http.route", value: { stringValue: "/v1/key/{key=**}" } });
  expect(span?.attributes).toContainEqual({ key: "http.request.method", value: { stringValue: "PUT" } });
  expect(JSON.stringify(span)).not.toContain("secret");
});

test.each(transports)(
  "%s: a span has children for what its call waited for",
  async (_protocol, transport) => {
    const collector = await startCollector();
    const { url } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const client = createClient(KeyValueService, transport(url));
    await client.put({ key: "secret" }, { headers: { traceparent: traceparent("00") } });
    await client.put(
      { key: "secret" },
      { headers: { traceparent: traceparent("01"), tracestate: "vendor=1" } },
    );
    await until(() => collector.spans.length === 3);
    const [queue, append, put] = collector.spans;
    const own = { traceId, parentSpanId: put?.spanId, traceState: "vendor=1", kind: 1 };
    expect(queue).toMatchObject({ ...own, name: "queue", attributes: [] });
    const outcome = { key: "duetkv.outcome", value: { stringValue: "appended" } };
    const links = [{ traceId, spanId: put?.spanId }];
    expect(append).toMatchObject({ ...own, name: "append", attributes: [outcome], links });
    const times = [put?.startTimeUnixNano, queue?.startTimeUnixNano, append?.startTimeUnixNano];
    times.push(append?.endTimeUnixNano, put?.endTimeUnixNano);
    expect(times.map(Number)).toEqual(times.map(Number).toSorted((a, b) => a - b));
  },
);

test("a ratio decides for traces that begin here, and the caller for its own", async () => {
  const collector = await startCollector();
  const sampler = { OTEL_TRACES_SAMPLER: "parentbased_always_off" };
  const { url } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...sampler });
  await request(url, "GET", "/v1/key/a");
  await request(url, "GET", "/v1/key/a", { traceparent: traceparent("01") });
  await until(() => collector.spans.length === 1);
  expect(collector.spans[0]?.traceId).toBe(traceId);
});

test.each([
  ["refuses", () => startCollector(503)],
  ["is not there", async () => ({ url: "http://127.0.0.1:9" })],
])("a collector that %s costs spans, not calls; it is counted and logged once", async (_title, collect) => {
  const { url, admin, lines } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: (await collect()).url });
  for (let call = 0; call < 5; call++) {
    expect((await request(url, "PUT", "/v1/key/a", {}, "1")).status).toBe(201);
  }
  const dropped = async () => {
    const { body } = await request(admin, "GET", "/metrics");
    return Number(/duetkv_spans_total\{outcome="dropped"\} (\d+)/.exec(body.toString())?.[1]);
  };
  // Of each call, and of the queue and the append that it waited for.
  await until(async () => (await dropped()) === 15);
  expect(lines.filter(({ event }) => event === "spans could not be exported")).toHaveLength(1);
});

test("a collector that does not respond does not hold up a stop", async () => {
  const collector = createServer(() => {});
  collector.listen(0, "127.0.0.1");
  await once(collector, "listening");
  onTestFinished(() => {
    collector.closeAllConnections();
    collector.close();
  });
  const { port } = collector.address() as AddressInfo;
  const { url, close } = await start({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: "3600000",
  });
  await request(url, "GET", "/v1/key/a");
  await close();
});

test("--access-log logs every call with the id of its caller, and neither key nor value", async () => {
  const { url, lines } = await start({}, { "access-log": "on" });
  await request(url, "PUT", "/v1/key/secret", { "x-request-id": "abc-1" }, "secret");
  await request(url, "GET", "/v1/key/absent-secret", { traceparent: traceparent("01") });
  await request(url, "GET", "/v1/key/secret", { "x-request-id": "no id\u00e9" });
  const calls = lines.filter(({ event }) => event === "call");
  expect(calls).toHaveLength(3);
  expect(calls[0]).toMatchObject({
    method: "duetkv.v1.KeyValueService/Put",
    protocol: "rest",
    code: "ok",
    requestId: "abc-1",
    milliseconds: expect.any(Number),
  });
  expect(calls[1]).toMatchObject({ code: "not_found", reason: "NO_SUCH_KEY", requestId: traceId });
  expect(calls[2]?.["requestId"]).toMatch(/^[\da-f-]{36}$/);
  expect(JSON.stringify(lines)).not.toContain("secret");
});

test("--slow-call-log logs calls that take longer than it, and no others", async () => {
  const [all, none] = [
    await start({}, { "slow-call-log": "1ms" }),
    await start({}, { "slow-call-log": "1h" }),
  ];
  for (const { url } of [all, none]) await request(url, "PUT", "/v1/key/a?", {}, "1");
  await until(async () => {
    await request(all.url, "PUT", "/v1/key/a", {}, "1");
    return all.lines.some(({ event }) => event === "slow call");
  });
  expect(none.lines.filter(({ event }) => event === "slow call")).toEqual([]);
});
