import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { createReflectionService } from "../../src/service/reflection.ts";
import { encodeEnvelope } from "../../src/wire/grpc/envelope.ts";
import { ByteBudget } from "../../src/wire/http2/byte-budget.ts";
import type { ListenerLimits } from "../../src/wire/listener/limits.ts";
import { registerService, type ServiceRegistration } from "../../src/wire/method-table.ts";
import { wireError } from "../../src/wire/wire-error.ts";
import { ConformanceService } from "../conformance/gen/connectrpc/conformance/v1/service_pb.ts";
import { conformanceService } from "../conformance/service.ts";
import { until } from "../support/until.ts";
import { serve } from "./serve.ts";

const KiB = 1024;
/** What an open stream counts for itself is less than this. */
const streamBytesMax = 4 * KiB;
const path = `/${ServerReflection.typeName}/ServerReflectionInfo`;

async function serveWith(service: ServiceRegistration, limits: Partial<ListenerLimits> = {}) {
  const budget = new ByteBudget(64 * KiB * KiB);
  const server = await serve({ services: [service], listener: { budget, limits } });
  return { ...server, budget };
}

function serveReflection(limits?: Partial<ListenerLimits>) {
  const { v1 } = createReflectionService([KeyValueService]);
  return serveWith(registerService(ServerReflection, v1), limits);
}

function openSession(port: number, initialWindowSize = KiB * KiB): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Opens a stream of gRPC, and reads nothing of its response yet. */
function openStream(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  const grpc = { "content-type": "application/grpc", te: "trailers" };
  const stream = session.request({ ":method": "POST", ":path": path, ...grpc, ...headers });
  stream.on("error", () => {});
  return stream;
}

/** A request for a file that does not exist, whose name has `length` bytes. */
function ask(length: number): Uint8Array {
  const messageRequest = { case: "fileByFilename", value: "f".repeat(length) } as const;
  return toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, { messageRequest }));
}

/** What a client does that neither sends nor reads. */
const idleClients: readonly [name: string, open: (port: number, headers?: OutgoingHttpHeaders) => void][] = [
  [
    "whose responses nobody reads",
    (port, headers) => openStream(openSession(port, 0), headers).write(encodeEnvelope(ask(100))),
  ],
  ["that waits for a request", (port, headers) => void openStream(openSession(port), headers)],
];

describe.each(idleClients)("a stream of requests %s", (_name, open) => {
  test("ends at its deadline", async () => {
    const { port, failed } = await serveReflection();
    open(port, { "grpc-timeout": "200m" });
    await until(() => failed.length > 0);
    expect(failed).toEqual([["serverReflectionInfo", "DEADLINE_EXCEEDED"]]);
  });

  test("ends for the age of its connection", async () => {
    const { port, failed } = await serveReflection({ ageMs: 1000, ageGraceMs: 100, endingMs: 100_000 });
    open(port);
    await until(() => failed.length > 0);
    expect(failed).toEqual([["serverReflectionInfo", "CONNECTION_AGED"]]);
  });

  test("ends at shutdown", async () => {
    const { port, failed, listener, shutdown } = await serveReflection();
    open(port);
    await until(() => listener.connections > 0);
    shutdown.abort(wireError(Code.Unavailable, "SHUTTING_DOWN", "the server stops"));
    await until(() => failed.length > 0);
    expect(failed).toEqual([["serverReflectionInfo", "SHUTTING_DOWN"]]);
  });
});

test("a client hears why its stream ends", async () => {
  const { port } = await serveReflection();
  const stream = openStream(openSession(port), { "grpc-timeout": "200m" });
  const [headers] = await once(stream.resume(), "response");
  const [trailers] = headers["grpc-status"] === undefined ? await once(stream, "trailers") : [headers];
  expect(trailers["grpc-status"]).toBe(String(Code.DeadlineExceeded));
});

describe("a request that was responded to no longer counts as held", () => {
  test.each([
    ["identity", (message: Uint8Array) => encodeEnvelope(message)],
    ["gzip", (message: Uint8Array) => encodeEnvelope(gzipSync(message), 1)],
  ])("with encoding %s", async (encoding, encode) => {
    // Room for a few requests, but not for all.
    const { port, budget, failed } = await serveReflection({ connectionBytesMax: 150 * KiB });
    const stream = openStream(openSession(port), { "grpc-encoding": encoding });
    let received = 0;
    stream.on("data", (chunk: Buffer) => (received += chunk.length));
    const message = encode(ask(20 * KiB));
    for (let count = 1; count <= 15; count++) {
      stream.write(message);
      // Each response repeats its request.
      await until(() => received >= count * 20 * KiB || stream.closed);
    }
    await until(() => budget.used < streamBytesMax);
    expect(failed).toEqual([]);
    expect(stream.closed).toBe(false);
  });
});

test("a request that has begun counts by what it occupies", async () => {
  const { port, budget } = await serveReflection();
  const stream = openStream(openSession(port));
  const message = encodeEnvelope(ask(100 * KiB));
  stream.write(message.subarray(0, 80 * KiB));
  await until(() => budget.used >= 80 * KiB);
  expect(budget.used).toBeLessThan(200 * KiB);
  stream.write(message.subarray(80 * KiB));
  stream.resume();
  await until(() => budget.used < streamBytesMax);
});

test("a request that announces too much is refused before it comes", async () => {
  const { port, failed } = await serveReflection();
  const header = Buffer.alloc(5);
  header.writeUInt32BE(2 ** 31, 1);
  openStream(openSession(port)).write(header);
  await until(() => failed.length > 0);
  expect(failed).toEqual([["serverReflectionInfo", "REQUEST_TOO_LARGE"]]);
});

test("a long stream of requests over HTTP/1.1 adds no listeners to its response", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const { port, budget } = await serveWith(registerService(ConformanceService, conformanceService));
  const clientStreamPath = `/${ConformanceService.typeName}/ClientStream`;
  const headers = { "content-type": "application/connect+proto" };
  const request = httpRequest({ port, method: "POST", path: clientStreamPath, headers });
  for (let count = 0; count < 30; count++) {
    request.write(encodeEnvelope(Buffer.alloc(0)));
    // Each in a part of its own.
    await setTimeout(5);
  }
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  await response.toArray();
  await until(() => budget.used === 0);
  expect(warnings).toEqual([]);
});

test("a client that leaves a stream is no failure", async () => {
  const { port, failed, errors, budget } = await serveReflection();
  const stream = openStream(openSession(port));
  stream.write(encodeEnvelope(ask(100)));
  await once(stream, "data");
  stream.close(8);
  const other = openStream(openSession(port));
  other.end(encodeEnvelope(ask(100)));
  await once(other.resume(), "close");
  expect([failed, errors, budget.used]).toEqual([[], [], 0]);
});
