import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import * as http2 from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { defaultLimits, type Limits } from "../../src/limits.ts";
import { Http2Exchange } from "../../src/wire/listener/http2-exchange.ts";
import { type Listener, type ListenerOptions, openListener } from "../../src/wire/listener/listener.ts";
import { registerService, type ServiceRegistration } from "../../src/wire/method-table.ts";
import type { Heartbeat } from "../../src/wire/rest/event-stream.ts";
import { createRouter, type RouterOptions } from "../../src/wire/router.ts";
import type { WireLog } from "../../src/wire/wire-log.ts";
import { createMemoryKeyValue, type MemoryKeyValue } from "./memory-key-value.ts";

export interface Server {
  readonly port: number;
  readonly listener: Listener;
  readonly memory: MemoryKeyValue;
  readonly shutdown: AbortController;
  /** Lines at level error, which no test expects unless it says so. */
  readonly errors: string[];
  /** Method (empty when unknown) and reason of each failed call. */
  readonly failed: [method: string, reason: string][];
}

export interface ServeOptions {
  readonly limits?: Partial<Limits>;
  readonly listener?: Partial<ListenerOptions>;
  readonly heartbeat?: Heartbeat;
  readonly services?: readonly ServiceRegistration[];
  readonly wire?: Pick<RouterOptions, "allowedHosts" | "console" | "corsOrigins">;
}

/** Opens the whole wire over a Map, until the test is over. */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const memory = createMemoryKeyValue();
  const shutdown = new AbortController();
  const errors: string[] = [];
  const failed: Server["failed"] = [];
  const log: WireLog = { debug() {}, warn() {}, error: (_fields, message) => errors.push(message) };
  const router = createRouter({
    services: options.services ?? [registerService(KeyValueService, memory.implementation)],
    limits: { ...defaultLimits, ...options.limits },
    log,
    shutdownSignal: shutdown.signal,
    onCallFailed: (method, reason) => failed.push([method?.spec.method.localName ?? "", reason]),
    ...options.wire,
    ...(options.heartbeat === undefined ? {} : { heartbeat: options.heartbeat }),
  });
  const address = { host: "127.0.0.1", port: 0 };
  const listener = await openListener({
    address,
    handle: (exchange) => router.handle(exchange),
    // A test that handles requests itself handles those of both versions.
    handleStream: (stream) =>
      options.listener?.handle === undefined
        ? router.handleStream(stream)
        : options.listener.handle(new Http2Exchange(stream)),
    log,
    ...options.listener,
  });
  onTestFinished(() => listener.drain(0));
  return { port: listener.address.port, listener, memory, shutdown, errors, failed };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: Buffer;
  /** Those of gRPC, wherever they came. */
  readonly trailers: IncomingHttpHeaders;
}

export interface Ask {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

/** One request over HTTP/1.1 on a connection of its own. The path is sent as it is. */
export async function ask(
  port: number,
  method: string,
  path: string,
  { headers, body }: Ask = {},
): Promise<Answer> {
  const request = httpRequest({
    host: "127.0.0.1",
    port,
    method,
    path,
    headers: headers ?? {},
    agent: false,
  });
  request.end(body);
  const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage];
  return toAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(await response.toArray()));
}

/** One request over h2c on a connection of its own. */
export async function askHttp2(
  port: number,
  method: string,
  path: string,
  { headers, body }: Ask = {},
): Promise<Answer> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  // The stream fails with it.
  session.on("error", () => {});
  try {
    const stream = session.request({ ":method": method, ":path": path, ...headers });
    stream.end(body);
    // A connection that just ends closes the stream without an error.
    const closed = once(stream, "close").then(() => Promise.reject(new Error("closed without an answer")));
    const [responseHeaders] = (await Promise.race([once(stream, "response"), closed])) as [
      IncomingHttpHeaders & { ":status": number },
    ];
    closed.catch(() => {});
    let trailers: IncomingHttpHeaders = responseHeaders;
    stream.once("trailers", (received) => {
      trailers = received;
    });
    const bytes = Buffer.concat(await stream.toArray());
    return { ...toAnswer(responseHeaders[":status"], responseHeaders, bytes), trailers };
  } finally {
    session.close();
  }
}

/** Writes bytes to a new connection and gives what comes back until it is closed. */
export async function exchangeBytes(
  port: number,
  ...parts: readonly (string | Uint8Array)[]
): Promise<string> {
  const socket = await openSocket(port);
  for (const part of parts) socket.write(part);
  return readAll(socket);
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

export async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  if (!socket.closed) await once(socket, "close");
  return text;
}

export function reasonOf(answer: { body: string }): string {
  return JSON.parse(answer.body).details[0].debug.reason;
}

function toAnswer(status: number, headers: IncomingHttpHeaders, bytes: Buffer): Answer {
  return { status, headers, bytes, body: bytes.toString(), trailers: headers };
}
