import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { ByteBudget } from "../../../src/wire/http2/byte-budget.ts";
import { registerService } from "../../../src/wire/method-table.ts";
import { ConformanceService } from "../../conformance/gen/connectrpc/conformance/v1/service_pb.ts";
import { conformanceService } from "../../conformance/service.ts";
import { until } from "../../support/until.ts";
import { ask, askHttp2, openSocket, reasonOf, type Server, serve } from "../serve.ts";

// Of all connections, and of each.
const totalBytes = 1_000_000;
const connectionBytesMax = 100_000;

const servicePath = "/duetkv.v1.KeyValueService";
const grpc = { "content-type": "application/grpc", te: "trailers" };

async function serveWithin(
  options: Parameters<typeof serve>[0] = {},
): Promise<Server & { budget: ByteBudget }> {
  const budget = new ByteBudget(totalBytes);
  const listener = { budget, limits: { connectionBytesMax } };
  const server = await serve({ ...options, listener });
  server.memory.watch = async function* (signal) {
    yield { revision: 1n };
    await once(signal, "abort");
  };
  return { ...server, budget };
}

function openSession(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** A message of protobuf that has nothing but an unknown field of `length` zeros. */
const unknownField = (length: number): Buffer =>
  Buffer.concat([
    Buffer.of(0xa2, 6, (length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14),
    Buffer.alloc(length),
  ]);

function envelope(message: Uint8Array, flags: number): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

describe("what one connection makes calls hold leaves room for others:", () => {
  test("server streams over HTTP/2", async () => {
    const { port, memory, failed, budget } = await serveWithin();
    const session = openSession(port);
    // Streams that do not even fit by themselves.
    let refused = 0;
    for (let watch = 0; watch < 50; watch++)
      session.request({ ":path": "/v1/key:watch" }).on("error", () => refused++);
    await until(() => memory.requests.length + failed.length + refused === 50);
    expect(failed.length + refused).toBeGreaterThan(40);
    expect(new Set(failed.map(String))).toEqual(new Set(["watch,OVERLOADED"]));
    expect(budget.used).toBeLessThanOrEqual(connectionBytesMax);
    const other = openSession(port).request({ ":path": "/v1/key:watch" });
    expect((await once(other, "response"))[0][":status"]).toBe(200);
    session.destroy();
    other.close();
    await until(() => budget.used === 0);
  });

  test("server streams in a pipeline of HTTP/1.1, which ends when there is no more", async () => {
    const { port, memory, budget } = await serveWithin();
    const socket = await openSocket(port);
    socket.write("GET /v1/key:watch HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50));
    await once(socket.resume(), "close");
    expect(memory.requests.length).toBeLessThan(connectionBytesMax / (8 * 1024));
    expect((await ask(port, "PUT", "/v1/key/a", { body: "x".repeat(50_000) })).status).toBe(201);
    await until(() => budget.used === 0);
  });

  test("decompressed requests", async () => {
    const { port, failed, budget } = await serveWithin();
    const session = openSession(port);
    const body = envelope(gzipSync(unknownField(60_000)), 1);
    const headers = { ":method": "POST", ":path": `${servicePath}/Watch`, ...grpc, "grpc-encoding": "gzip" };
    const first = session.request(headers);
    first.end(body);
    await once(first, "response");
    session.request(headers).end(body);
    await until(() => failed.length > 0);
    expect(failed).toEqual([["watch", "OVERLOADED"]]);
    const other = openSession(port).request(headers);
    other.end(body);
    expect((await once(other, "response"))[0]["grpc-status"]).toBeUndefined();
    expect(budget.used).toBeGreaterThan(120_000);
    first.close();
    other.close();
    await until(() => budget.used === 0);
  });
});

describe("decompressed requests count also", () => {
  test.each([
    ["br", brotliCompressSync],
    ["gzip", gzipSync],
  ])("in a GET of Connect, with %s", async (name, compress) => {
    const { port, memory, failed, budget } = await serveWithin();
    const get = (length: number): string => {
      const message = compress(unknownField(length)).toString("base64url");
      return `${servicePath}/Get?connect=v1&encoding=proto&base64=1&compression=${name}&message=${message}`;
    };
    for (const send of [ask, askHttp2]) {
      const refused = await send(port, "GET", get(connectionBytesMax + 1));
      expect([refused.status, reasonOf(refused)]).toEqual([503, "OVERLOADED"]);
    }
    expect(memory.requests).toEqual([]);
    await ask(port, "GET", get(connectionBytesMax / 2));
    expect(failed.map(([, reason]) => reason)).toEqual(["OVERLOADED", "OVERLOADED", "KEY_EMPTY"]);
    expect(budget.used).toBe(0);
  });

  test("in calls that Connect's library serves", async () => {
    const { port, failed, budget } = await serveWithin();
    const headers = {
      "content-type": "application/grpc+json; charset=utf-8",
      te: "trailers",
      "grpc-encoding": "gzip",
    };
    const json = (length: number): Buffer =>
      envelope(gzipSync(JSON.stringify({ key: "k".repeat(length) })), 1);
    await askHttp2(port, "POST", `${servicePath}/Get`, { headers, body: json(connectionBytesMax + 1) });
    await askHttp2(port, "POST", `${servicePath}/Get`, { headers, body: json(connectionBytesMax / 2) });
    expect(failed).toEqual([
      ["get", "OVERLOADED"],
      ["get", "NO_SUCH_KEY"],
    ]);
    await until(() => budget.used === 0);
  });

  test("in streams of requests, until the next request", async () => {
    const { port, failed, budget } = await serveWithin({
      services: [registerService(ConformanceService, conformanceService)],
    });
    const stream = openSession(port).request({
      ":method": "POST",
      ":path": `/${ConformanceService.typeName}/ClientStream`,
      ...grpc,
      "grpc-encoding": "gzip",
    });
    const message = (length: number) => envelope(gzipSync(unknownField(length)), 1);
    for (let count = 0; count < 10; count++) stream.write(message(40_000));
    stream.write(message(connectionBytesMax + 1));
    const [headers] = await once(stream, "response");
    stream.resume();
    const [trailers] = headers["grpc-status"] === undefined ? await once(stream, "trailers") : [headers];
    expect(trailers["grpc-status"]).toBe("14");
    expect(failed).toEqual([["clientStream", "OVERLOADED"]]);
    await until(() => budget.used === 0);
  });
});
