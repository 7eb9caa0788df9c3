import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  BatchGetRequestSchema,
  GetRequestSchema,
  GetResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { chooseEncoding } from "../../src/wire/call/content-encoding.ts";
import { ByteBudget } from "../../src/wire/http2/byte-budget.ts";
import { type Answer, ask, askHttp2, reasonOf, type Server, serve } from "./serve.ts";

const large = "value ".repeat(2000);
const servicePath = "/duetkv.v1.KeyValueService";

async function serveLarge(): Promise<Server> {
  const server = await serve();
  await ask(server.port, "PUT", "/v1/key/large", { body: large });
  await ask(server.port, "PUT", "/v1/key/small", { body: "small" });
  await ask(server.port, "PUT", "/v1/key/bytes", {
    body: Buffer.alloc(5000, 7),
    headers: { "content-type": "application/octet-stream" },
  });
  return server;
}

const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
};
const decode = ({ headers, bytes }: Answer): Buffer =>
  (decoders[headers["content-encoding"] ?? ""] as (bytes: Buffer) => Buffer)(bytes);

function envelope(message: Uint8Array, flags = 0): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

describe("responses", () => {
  test.each(["gzip", "br"])(
    "of REST and Connect over 1 KiB are compressed with %s when accepted",
    async (name) => {
      const { port } = await serveLarge();
      const headers = { "accept-encoding": name };
      for (const send of [ask, askHttp2]) {
        const value = await send(port, "GET", "/v1/key/large", { headers });
        expect(value.headers).toMatchObject({ "content-encoding": name, vary: "Accept, Accept-Encoding" });
        expect(value.bytes.length).toBeLessThan(1000);
        expect(String(decode(value))).toBe(large);
        const list = await send(port, "GET", "/v1/key", { headers });
        expect(JSON.parse(String(decode(list))).entries).toHaveLength(3);
        const get = { ...headers, "content-type": "application/json" };
        const connect = await send(port, "POST", `${servicePath}/Get`, {
          headers: get,
          body: '{"key":"large"}',
        });
        expect(JSON.parse(String(decode(connect))).entry.value).toBe(large);
        const head = await send(port, "HEAD", "/v1/key/large", { headers });
        expect(head.headers["content-length"]).toBe(value.headers["content-length"]);
        expect(head.headers["content-encoding"]).toBe(name);
      }
    },
  );

  test("are not compressed where the client accepts none, where they are small, and where they are bytes", async () => {
    const { port } = await serveLarge();
    const plain = await ask(port, "GET", "/v1/key/large");
    expect(plain.body).toBe(large);
    // A cache must know that there are others.
    expect(plain.headers.vary).toBe("Accept, Accept-Encoding");
    const headers = { "accept-encoding": "gzip" };
    const small = await ask(port, "GET", "/v1/key/small", { headers });
    expect([small.body, small.headers.vary]).toEqual(["small", "Accept"]);
    const bytes = await ask(port, "GET", "/v1/key/bytes", { headers });
    expect(bytes.headers["content-encoding"]).toBeUndefined();
    const none = await ask(port, "GET", "/v1/key/large", {
      headers: { "accept-encoding": "gzip;q=0, deflate" },
    });
    expect(none.body).toBe(large);
  });

  test("that are event streams are never compressed", async () => {
    const { port, memory } = await serveLarge();
    memory.watch = async function* () {
      yield create(WatchResponseSchema, { revision: 1n, events: [{ entry: { key: "x".repeat(3000) } }] });
    };
    const answer = await ask(port, "GET", "/v1/key:watch", { headers: { "accept-encoding": "gzip, br" } });
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(answer.body).toContain("xxx");
  });

  test("of gRPC are compressed when the request was", async () => {
    const { port } = await serveLarge();
    const message = toBinary(GetRequestSchema, create(GetRequestSchema, { key: "large" }));
    const headers = {
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-accept-encoding": "gzip,identity",
    };
    const plain = await askHttp2(port, "POST", `${servicePath}/Get`, { headers, body: envelope(message) });
    expect([plain.headers["grpc-encoding"], plain.bytes[0]]).toEqual([undefined, 0]);
    const compressed = await askHttp2(port, "POST", `${servicePath}/Get`, {
      headers: { ...headers, "grpc-encoding": "gzip" },
      body: envelope(gzipSync(message), 1),
    });
    expect([compressed.headers["grpc-encoding"], compressed.bytes[0]]).toEqual(["gzip", 1]);
    expect(compressed.trailers["grpc-status"]).toBe("0");
    const response = fromBinary(GetResponseSchema, gunzipSync(compressed.bytes.subarray(5)));
    expect(response.entry?.value).toBe(large);
    // Not accepted, though used.
    const unaccepted = await askHttp2(port, "POST", `${servicePath}/Get`, {
      headers: { "content-type": "application/grpc", te: "trailers", "grpc-encoding": "br" },
      body: envelope(brotliCompressSync(message), 1),
    });
    expect([unaccepted.headers["grpc-encoding"], unaccepted.bytes[0]]).toEqual([undefined, 0]);
  });

  test("many at a time all arrive, and the budget is free afterwards", async () => {
    const budget = new ByteBudget(1_000_000);
    const server = await serve({ listener: { budget } });
    await ask(server.port, "PUT", "/v1/key/large", { body: large });
    const headers = { "accept-encoding": "gzip" };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => ask(server.port, "GET", "/v1/key/large", { headers })),
    );
    for (const answer of answers) {
      expect(answer.headers["content-encoding"] === undefined ? answer.body : String(decode(answer))).toBe(
        large,
      );
    }
    expect(budget.used).toBe(0);
  });
});

describe("compressed requests", () => {
  const zeros = Buffer.alloc(20_000_000);
  const gzipBomb = gzipSync(zeros);
  const brotliBomb = brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  const protocols = [
    ["gRPC", "application/grpc+proto", "grpc-encoding"],
    ["gRPC-Web", "application/grpc-web+proto", "grpc-encoding"],
    ["Connect", "application/proto", "content-encoding"],
  ] as const;

  async function call(
    server: Server,
    type: string,
    header: string,
    method: string,
    body: Uint8Array,
    name = "gzip",
  ) {
    const isEnveloped = type.includes("grpc");
    return askHttp2(server.port, "POST", `${servicePath}/${method}`, {
      headers: { "content-type": type, te: "trailers", [header]: name },
      body: isEnveloped ? envelope(body, 1) : body,
    });
  }

  test.each(protocols)("over %s: lists over their limit reach no handler", async (_name, type, header) => {
    const server = await serve({ limits: { batchGetKeysMax: 2 } });
    const keys = (count: number) =>
      gzipSync(
        toBinary(BatchGetRequestSchema, create(BatchGetRequestSchema, { keys: Array(count).fill("k") })),
      );
    await call(server, type, header, "BatchGet", keys(3));
    expect(server.failed).toEqual([["batchGet", "TOO_MANY_OPERATIONS"]]);
    expect(server.memory.requests).toEqual([]);
    await call(server, type, header, "BatchGet", keys(2));
    expect(server.memory.requests).toHaveLength(1);
  });

  test.each(protocols)(
    "over %s: what expands over the limit, and garbage, are refused",
    async (_name, type, header) => {
      const server = await serve();
      await call(server, type, header, "Get", gzipBomb);
      await call(server, type, header, "Get", brotliBomb, "br");
      await call(server, type, header, "Get", Buffer.from("garbage"));
      expect(server.failed).toEqual([
        ["get", "REQUEST_TOO_LARGE"],
        ["get", "REQUEST_TOO_LARGE"],
        ["get", "REQUEST_MALFORMED"],
      ]);
      expect(server.memory.requests).toEqual([]);
      expect(server.errors).toEqual([]);
    },
  );

  test.each(protocols)("over %s: an unknown encoding has a reason", async (_name, type, header) => {
    const server = await serve();
    await call(server, type, header, "Get", Buffer.from("x"), "deflate");
    expect(server.failed).toEqual([["get", "ENCODING_UNSUPPORTED"]]);
  });

  test("count until their call is over", async () => {
    const budget = new ByteBudget(1_000_000);
    const server = await serve({ listener: { budget } });
    const message = toBinary(
      WatchRequestSchema,
      create(WatchRequestSchema, { keys: Array(500).fill("k".repeat(100)) }),
    );
    let used = 0;
    server.memory.watch = async function* () {
      used = budget.used;
      yield { revision: 1n };
    };
    await call(server, "application/grpc+proto", "grpc-encoding", "Watch", gzipSync(message));
    expect(used).toBeGreaterThan(50_000);
    expect(budget.used).toBe(0);
    const larger = create(WatchRequestSchema, { keys: Array(900).fill("k".repeat(1200)) });
    await call(
      server,
      "application/grpc+proto",
      "grpc-encoding",
      "Watch",
      gzipSync(toBinary(WatchRequestSchema, larger)),
    );
    expect(server.failed).toEqual([["watch", "OVERLOADED"]]);
    expect(budget.used).toBe(0);
  });

  test("over REST are refused with 415", async () => {
    const { port } = await serve();
    const headers = { "content-encoding": "gzip" };
    const answer = await ask(port, "PUT", "/v1/key/a", { headers, body: gzipSync("x") });
    expect([answer.status, reasonOf(answer)]).toEqual([415, "ENCODING_UNSUPPORTED"]);
  });
});

test.each([
  ["gzip", "gzip"],
  ["deflate, gzip;q=0.5, br;q=0.9", "br"],
  ["gzip, br", "gzip"],
  ["br;q=1.0, gzip;q=0", "br"],
  ["BR", "br"],
  ["gzip;q=abc", undefined],
  ["identity, zstd", undefined],
  ["", undefined],
])("Accept-Encoding %j prefers %s", (header, encoding) => {
  expect(chooseEncoding(header)).toBe(encoding);
});
