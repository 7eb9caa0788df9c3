import { once } from "node:events";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  GetRequestSchema,
  GetResponseSchema,
  KeyValueService,
  PutRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../../gen/duetkv/v1/key_value_pb.ts";
import type { Limits } from "../../../src/limits.ts";
import { registerService } from "../../../src/wire/method-table.ts";
import { until } from "../../support/until.ts";
import { openSocket } from "../serve.ts";
import { type ServiceServer, serveService, watchForEscapes } from "./serve-service.ts";

type Handlers = Partial<ServiceImpl<typeof KeyValueService>>;

const path = (method: string): string => `/duetkv.v1.KeyValueService/${method}`;
const getRequest = toBinary(GetRequestSchema, create(GetRequestSchema, { key: "a" }));

async function serve(handlers: Handlers, limits: Partial<Limits> = {}) {
  const escaped = watchForEscapes();
  const server = await serveService(registerService(KeyValueService, handlers), { limits });
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {});
  onTestFinished(() => {
    session.destroy();
    expect(escaped).toEqual([]);
  });
  return { ...server, session };
}

function envelope(data: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(data.length, 1);
  return Buffer.concat([header, data]);
}

function openCall(
  session: ClientHttp2Session,
  method: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path(method),
    "content-type": "application/grpc",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on("response", (each) => (headers = each));
  stream.on("trailers", (each) => (trailers = each));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.once("close", resolve));
  return { headers, body: Buffer.concat(chunks), trailers };
}

async function call(
  session: ClientHttp2Session,
  method = "Get",
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const stream = openCall(session, method, headers);
  stream.end(envelope(getRequest));
  return answerOf(stream);
}

const statusOf = ({ headers, trailers }: Answer): unknown =>
  headers["grpc-status"] ?? trailers["grpc-status"];

/** A handler that is held until `release`, and tells when it was called and what its signal said. */
function held() {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let tellCalled = (_signal: AbortSignal): void => {};
  const called = new Promise<AbortSignal>((resolve) => (tellCalled = resolve));
  const get: Handlers["get"] = async (_request, { signal }) => {
    tellCalled(signal);
    await released;
    return { revision: 7n };
  };
  return { release, called, get };
}

async function abortOf(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, "abort");
  return signal.reason;
}

afterEach(() => vi.restoreAllMocks());

describe("unary gRPC", () => {
  test("waits for a slow body", async () => {
    const { session } = await serve({ get: () => ({ revision: 7n }) });
    const stream = openCall(session, "Get");
    for (const byte of envelope(getRequest)) {
      stream.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    stream.end();
    const answer = await answerOf(stream);
    expect(fromBinary(GetResponseSchema, answer.body.subarray(5)).revision).toBe(7n);
    expect(answer.trailers["grpc-status"]).toBe("0");
  });

  test("calls no handler for a client that leaves while it sends", async () => {
    const get = vi.fn<() => never>();
    const { session, errors } = await serve({ get });
    const stream = openCall(session, "Get");
    stream.write(envelope(getRequest).subarray(0, 4));
    await new Promise((resolve) => setTimeout(resolve, 20));
    stream.close(8);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(get).not.toHaveBeenCalled();
    expect(errors).toEqual([]);
  });

  test("tells the handler when the client leaves", async () => {
    const { called, release, get } = held();
    const { session, errors } = await serve({ get });
    const stream = openCall(session, "Get");
    stream.end(envelope(getRequest));
    const signal = await called;
    stream.close(8);
    expect(await abortOf(signal)).toMatchObject({ code: Code.Canceled });
    release();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(errors).toEqual([]);
  });

  test("keeps the deadline while it reads and while the handler works", async () => {
    const { called, release, get } = held();
    const { session } = await serve({ get });
    const reading = openCall(session, "Get", { "grpc-timeout": "30m" });
    reading.write(envelope(getRequest).subarray(0, 6));
    expect(statusOf(await answerOf(reading))).toBe("4");
    expect(statusOf(await call(session, "Get", { "grpc-timeout": "30m" }))).toBe("4");
    expect(await abortOf(await called)).toMatchObject({ code: Code.DeadlineExceeded });
    release();
  });

  test.each([{}, { "content-length": "100000000" }])("refuses too large a body: %o", async (headers) => {
    const { session } = await serve({ get: () => ({ revision: 7n }) }, { requestBytesMax: 1000 });
    const stream = openCall(session, "Get", headers);
    const sending = setInterval(() => stream.destroyed || stream.write(Buffer.alloc(1000)), 2);
    // The client never ends its body, and is answered all the same.
    expect(statusOf(await answerOf(stream))).toBe("8");
    clearInterval(sending);
    expect(statusOf(await call(session))).toBe("0");
  });

  test("says nothing of what a handler threw, at once or later", async () => {
    const { session, errors } = await serve({
      get: () => {
        throw new Error("secret");
      },
      delete: async () => {
        throw new Error("secret");
      },
    });
    for (const method of ["Get", "Delete"]) {
      const answer = await call(session, method);
      expect(statusOf(answer)).toBe("13");
      expect(JSON.stringify(answer.headers)).not.toContain("secret");
    }
    expect(errors).toHaveLength(2);
  });

  test("survives headers, trailers and messages that HTTP/2 does not allow", async () => {
    const { session } = await serve({
      get: (_request, { responseHeader }) => {
        responseHeader.set("connection", "close");
        return { revision: 7n };
      },
      delete: (_request, { responseTrailer }) => {
        responseTrailer.set("connection", "close");
        return { revision: 7n };
      },
      put: () => {
        throw new ConnectError("\ud800", Code.Aborted);
      },
      list: () => ({ revision: 7n }),
    });
    for (const method of ["Get", "Delete", "Put"])
      expect(statusOf(await call(session, method))).not.toBe("0");
    expect(statusOf(await call(session, "List"))).toBe("0");
  });

  test("sends the headers of a handler that fails as headers", async () => {
    const { session } = await serve({
      get: (_request, { responseHeader, responseTrailer }) => {
        responseHeader.set("x-header", "1");
        responseTrailer.set("x-trailer", "2");
        throw new ConnectError("no", Code.Aborted, { "x-meta": "3" });
      },
    });
    const { headers, trailers } = await call(session);
    expect(headers).toMatchObject({ ":status": 200, "x-header": "1" });
    expect(trailers).toMatchObject({ "grpc-status": "10", "x-trailer": "2", "x-meta": "3" });
  });

  test("lives through 2,000 calls that are reset at once", async () => {
    const { session, errors } = await serve({ get: async () => ({ revision: 7n }) });
    for (let count = 0; count < 2000; count++) {
      const stream = openCall(session, "Get");
      stream.end(envelope(getRequest));
      if (count % 2 === 0) stream.close(8);
      else setImmediate(() => stream.close(8));
      if (count % 200 === 199) await new Promise(setImmediate);
    }
    expect(statusOf(await call(session))).toBe("0");
    expect(errors).toEqual([]);
  });

  test("hands a large answer to a slow reader, and serves others meanwhile", async () => {
    const value = "x".repeat(8_000_000);
    let wanted = value;
    const { session } = await serve({ get: () => ({ revision: 7n, entry: { key: "a", value: wanted } }) });
    const slow = openCall(session, "Get");
    slow.end(envelope(getRequest));
    await once(slow, "response");
    wanted = "short";
    expect(statusOf(await call(session))).toBe("0");
    let bytes = 0;
    for await (const chunk of slow as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      await new Promise(setImmediate);
    }
    expect(bytes).toBeGreaterThan(value.length);
  });

  test("lets running calls finish when the listener drains", async () => {
    const { called, release, get } = held();
    const { session, listener } = await serve({ get });
    const running = call(session);
    await called;
    const drained = listener.drain(5000);
    release();
    expect(statusOf(await running)).toBe("0");
    await drained;
  });

  test("is told at shutdown, with the reason of the shutdown", async () => {
    const { session, shutdown } = await serve({
      get: async (_request, { signal }) => {
        setImmediate(() => shutdown.abort(new ConnectError("bye", Code.Unavailable)));
        await once(signal, "abort");
        throw signal.reason;
      },
    });
    const running = call(session);
    expect(statusOf(await running)).toBe("14");
  });

  test("refuses an authority that cannot be one", async () => {
    const { session } = await serve({ get: () => ({ revision: 7n }) });
    const { headers } = await call(session, "Get", { ":authority": "[::1" });
    expect(headers[":status"]).toBe(400);
  });
});

describe("Connect and gRPC-Web", () => {
  const post = (server: ServiceServer, type: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path("Put")}`, {
      method: "POST",
      headers: { "content-type": type, ...headers },
      body,
    });

  test("JSON errors quote no values", async () => {
    const server = await serve({ put: () => ({ revision: 7n }) });
    for (const body of ['{"key":"secret', '{"key":["secret"]}', '{"ttl":"secret"}', '"secret"', "secret"]) {
      const answer = await post(server, "application/json", body);
      expect(answer.status).toBe(400);
      expect(await answer.text()).not.toContain("secret");
    }
  });

  test("refuses too large a body while the client is still sending it", async () => {
    const { port } = await serve({ put: () => ({ revision: 7n }) }, { requestBytesMax: 1000 });
    for (const framing of ["content-length: 100000000", "transfer-encoding: chunked"]) {
      const socket = await openSocket(port);
      const head = `POST ${path("Put")} HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\n${framing}\r\n\r\n`;
      socket.write(head);
      const chunk = framing.startsWith("t") ? `400\r\n${"x".repeat(1024)}\r\n` : "x".repeat(1024);
      const sending = setInterval(() => socket.write(chunk), 2);
      let text = "";
      socket.on("data", (data: Buffer) => (text += data));
      await until(() => expect(text).toContain("REQUEST_TOO_LARGE"));
      expect(text).toMatch(/^HTTP\/1.1 429 /);
      expect(text).toMatch(/connection: close/i);
      clearInterval(sending);
      socket.destroy();
    }
  });

  test("keeps the deadline while it reads", async () => {
    const { port } = await serve({ put: () => ({ revision: 7n }) });
    const socket = await openSocket(port);
    socket.write(
      `POST ${path("Put")} HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\n` +
        "connect-timeout-ms: 30\r\ncontent-length: 10\r\n\r\nabc",
    );
    const [data] = (await once(socket, "data")) as [Buffer];
    expect(String(data)).toContain("deadline_exceeded");
    socket.destroy();
  });

  test("tells the handler when the client leaves, over HTTP/1.1", async () => {
    const { called, release, get } = held();
    const { port } = await serve({ get });
    const socket = await openSocket(port);
    socket.write(
      `POST ${path("Get")} HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\n` +
        `content-length: ${getRequest.length}\r\n\r\n`,
    );
    socket.write(getRequest);
    const signal = await called;
    socket.destroy();
    expect(await abortOf(signal)).toMatchObject({ code: Code.Canceled });
    release();
  });

  test("a connection stays in use after Connect has left a body unread", async () => {
    const { port } = await serve(
      { put: () => ({ revision: 7n }), get: () => ({ revision: 7n }) },
      { requestBytesMax: 1000 },
    );
    const socket = await openSocket(port);
    let text = "";
    socket.on("data", (data: Buffer) => (text += data));
    const request = toBinary(PutRequestSchema, create(PutRequestSchema, { value: "x".repeat(300_000) }));
    const body = envelope(request);
    // Connect refuses encodings that it does not know.
    socket.write(
      `POST ${path("Put")} HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc-web+proto\r\n` +
        `grpc-encoding: zebra\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    for (let at = 0; at < body.length; at += 10_000) {
      socket.write(body.subarray(at, at + 10_000));
      await new Promise(setImmediate);
    }
    await until(() => expect(text).toMatch(/grpc-status: 12/));
    text = "";
    socket.write(
      `POST ${path("Get")} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    );
    await until(() => expect(text).toMatch(/^HTTP\/1.1 200 /));
    socket.destroy();
  });
});

describe("server-streaming gRPC", () => {
  const revisionsIn = (body: Buffer): bigint[] => {
    const revisions: bigint[] = [];
    for (let at = 0; at < body.length; ) {
      const end = at + 5 + body.readUInt32BE(at + 1);
      revisions.push(fromBinary(WatchResponseSchema, body.subarray(at + 5, end)).revision);
      at = end;
    }
    return revisions;
  };

  test("encodes a message once for all who get it", async () => {
    let encoded = 0;
    const shared: WatchResponse[] = [1n, 2n, 3n].map((revision) => create(WatchResponseSchema, { revision }));
    for (const message of shared) {
      const { events } = message;
      const get = () => {
        encoded++;
        return events;
      };
      Object.defineProperty(message, "events", { get });
    }
    const { session } = await serve({
      async *watch() {
        yield* shared;
      },
    });
    const answers = await Promise.all([
      call(session, "Watch"),
      call(session, "Watch"),
      call(session, "Watch"),
    ]);
    for (const { body, trailers } of answers) {
      expect(revisionsIn(body)).toEqual([1n, 2n, 3n]);
      expect(trailers["grpc-status"]).toBe("0");
    }
    expect(encoded).toBe(3);
  });

  test("sends headers with the first message, and an error after it as trailers", async () => {
    const { session } = await serve({
      async *watch(_request, { responseHeader, responseTrailer }) {
        responseHeader.set("x-header", "1");
        yield { revision: 1n };
        responseTrailer.set("x-trailer", "2");
        throw new ConnectError("too slow", Code.ResourceExhausted);
      },
    });
    const { headers, body, trailers } = await call(session, "Watch");
    expect(headers).toMatchObject({ "x-header": "1", "content-type": "application/grpc+proto" });
    expect(revisionsIn(body)).toEqual([1n]);
    expect(trailers).toMatchObject({ "grpc-status": "8", "grpc-message": "too slow", "x-trailer": "2" });
  });

  test("an error before any message, a stream without one, and a deadline", async () => {
    const { session } = await serve({
      async *watch(_request, { requestHeader, signal }) {
        const what = requestHeader.get("x-what");
        if (what === "fail") throw new ConnectError("no", Code.OutOfRange);
        if (what === "wait") await once(signal, "abort");
        yield* [];
      },
    });
    expect(statusOf(await call(session, "Watch", { "x-what": "fail" }))).toBe("11");
    expect(statusOf(await call(session, "Watch"))).toBe("0");
    expect(statusOf(await call(session, "Watch", { "x-what": "wait", "grpc-timeout": "30m" }))).toBe("4");
  });

  test("pulls no faster than the client takes", async () => {
    let pulled = 0;
    let ended = false;
    const { session } = await serve({
      async *watch() {
        try {
          for (; ; pulled++)
            yield { revision: 1n, events: [{ entry: { key: "a", value: "x".repeat(100_000) } }] };
        } finally {
          ended = true;
        }
      },
    });
    const stream = openCall(session, "Watch");
    stream.end(envelope(getRequest));
    await once(stream, "response");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(pulled).toBe(before);
    expect(pulled).toBeLessThan(100);
    stream.close(8);
    await until(() => expect(ended).toBe(true));
  });

  test("tells a handler that waits when the client leaves", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const { session, errors } = await serve({
      async *watch(_request, { signal }) {
        yield { revision: 1n };
        await once(signal, "abort");
        resolve(signal.reason);
      },
    });
    const stream = openCall(session, "Watch");
    stream.end(envelope(getRequest));
    await once(stream, "data");
    stream.close(8);
    expect(await promise).toMatchObject({ code: Code.Canceled });
    expect(errors).toEqual([]);
  });
});
