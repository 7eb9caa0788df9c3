import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { createRandom, type Random, seed } from "../../support/random.ts";
import { serveHttp2 } from "./serve-http2.ts";

/** What a handler does, as the request asks for it: the same for both servers. */
interface Plan {
  readonly status: number;
  readonly parts: readonly number[];
  readonly trailers: Readonly<Record<string, string>>;
  readonly resets: boolean;
}

interface Request {
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: readonly Buffer[];
  readonly trailers: OutgoingHttpHeaders | undefined;
  readonly plan: Plan;
  /** Cancelled by the client after so many parts of its body, or of the response. */
  readonly cancelAfter: { readonly sent: number } | { readonly received: number } | undefined;
}

/** What a client sees of a response. */
interface Outcome {
  readonly status: unknown;
  readonly headers: Record<string, unknown>;
  readonly bytes: number;
  readonly trailers: Record<string, unknown>;
  readonly resetCode: number;
}

function createRequest(random: Random): Request {
  const below = (limit: number): number => random.below(limit);
  const chance = (probability: number): boolean => random.chance(probability);
  const pick = <T>(choices: readonly T[]): T => random.pick(choices);
  const method = pick(["GET", "POST", "POST", "POST", "PUT", "HEAD", "DELETE"]);
  const hasBody = method !== "GET" && method !== "HEAD";
  const size = (): number => pick([0, 1, below(100), below(20_000), below(200_000)]);
  const plan = {
    status: pick([200, 200, 200, 201, 400, 404, 503]),
    parts: Array.from({ length: below(4) }, size),
    trailers: chance(0.5) ? { "x-status": pick(["0", "a b", "\u00e9"]) } : {},
    resets: chance(0.05),
  };
  const headers: OutgoingHttpHeaders = {
    ...(chance(0.3) ? { "x-text": pick(["a", "a, b", "x".repeat(5000), "\u00e9"]) } : {}),
    ...(chance(0.3) ? { "x-many": ["1", "2", "3"] } : {}),
    ...(chance(0.3) ? { cookie: ["a=1", "b=2"] } : {}),
    ...(chance(0.2) ? { te: "trailers" } : {}),
    ...(chance(0.2) ? { "x-number": String(below(1_000_000)) } : {}),
  };
  const body = hasBody ? Array.from({ length: below(4) }, () => Buffer.alloc(size(), "b")) : [];
  const cancelAfter = chance(0.1) ? pick([{ sent: below(3) }, { received: below(3) }]) : undefined;
  return {
    method,
    headers,
    body,
    trailers: hasBody && chance(0.2) ? { "x-end": "1" } : undefined,
    plan,
    cancelAfter,
  };
}

/** Responds with what the plan says, and with what has arrived. */
function responseHeaders(method: string, path: string, headers: IncomingHttpHeaders, bytes: number) {
  const own = ["x-text", "x-many", "x-number", "cookie", "te"].map(
    (name) => `${name}=${String(headers[name])}`,
  );
  return { "x-seen": Buffer.from(`${method} ${path} ${own.join()} ${bytes}`).toString("base64") };
}

const planOf = (path: string): Plan => JSON.parse(decodeURIComponent(path.slice("/?".length)));

/** A body of a response never ends within a turn, so that parts travel by themselves. */
const respondToNode = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
  const path = headers[":path"] as string;
  const method = headers[":method"] as string;
  let bytes = 0;
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
  stream.on("end", () => {
    const { status, parts, trailers, resets } = planOf(path);
    if (stream.closed) return;
    if (resets) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    const isHead = method === "HEAD";
    const hasTrailers = Object.keys(trailers).length > 0 && !isHead;
    if (hasTrailers) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.respond(
      { ":status": status, ...responseHeaders(method, path, headers, bytes) },
      { waitForTrailers: hasTrailers, endStream: isHead },
    );
    if (isHead) return;
    for (const part of parts) stream.write(Buffer.alloc(part, "r"));
    stream.end();
  });
};

function respondToOurs(stream: Stream): void {
  const headers: Record<string, string> = {};
  for (let at = 0; at < stream.headers.fields.length; at += 2) {
    const name = stream.headers.fields[at] as string;
    const value = stream.headers.fields[at + 1] as string;
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  let bytes = 0;
  stream.handler = {
    onData(_bytes, start, end) {
      bytes += end - start;
      stream.consume(end - start);
    },
    onEnd() {
      const { path, method } = stream.headers as { path: string; method: string };
      const { status, parts, trailers, resets } = planOf(path);
      if (resets) return stream.reset(constants.NGHTTP2_INTERNAL_ERROR);
      const head = ResponseHeaders.headers(status, responseHeaders(method, path, headers, bytes));
      if (method === "HEAD") return stream.respondAndEnd(head);
      stream.respond(head);
      for (const part of parts) stream.write(Buffer.alloc(part, "r"));
      stream.end(ResponseHeaders.trailers(trailers));
    },
    onAbort() {},
    onDrain() {},
  };
}

async function send(session: ClientHttp2Session, request: Request): Promise<Outcome | undefined> {
  const path = `/?${encodeURIComponent(JSON.stringify(request.plan))}`;
  const stream = session.request(
    { ":method": request.method, ":path": path, ...request.headers },
    {
      endStream: request.method === "GET" || request.method === "HEAD",
      waitForTrailers: request.trailers !== undefined,
    },
  );
  const { trailers: requestTrailers, cancelAfter } = request;
  const seen = { head: {} as IncomingHttpHeaders, trailers: {} as IncomingHttpHeaders, bytes: 0, parts: 0 };
  stream.on("error", () => {});
  stream.on("response", (headers) => (seen.head = headers));
  stream.on("trailers", (trailers) => (seen.trailers = trailers));
  stream.on("data", (chunk: Buffer) => {
    seen.bytes += chunk.length;
    if (cancelAfter !== undefined && "received" in cancelAfter && ++seen.parts > cancelAfter.received)
      stream.close(constants.NGHTTP2_CANCEL);
  });
  if (requestTrailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(requestTrailers));
  const closed = new Promise((resolve) => stream.once("close", resolve));
  for (const [at, part] of request.body.entries()) {
    if (cancelAfter !== undefined && "sent" in cancelAfter && at === cancelAfter.sent) {
      stream.close(constants.NGHTTP2_CANCEL);
      break;
    }
    stream.write(part);
  }
  if (!stream.closed && request.method !== "GET" && request.method !== "HEAD") stream.end();
  await closed;
  // How much of a cancelled call arrives is a race.
  if (cancelAfter !== undefined) return undefined;
  return {
    status: seen.head[":status"],
    headers: withoutDate(seen.head),
    bytes: seen.bytes,
    trailers: { ...seen.trailers },
    resetCode: stream.rstCode ?? 0,
  };
}

function withoutDate(headers: IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "date"));
}

/** node:http2 bounds the resets and the useless frames of a connection: after some more requests it would end it. */
const sessionRequests = 4000;

/**
 * Sends the same random requests to our HTTP/2 and to node:http2, several at a time, and expects that a client sees the
 * same: status, headers, the length of the body, trailers and resets. Cancelled calls among them must not disturb others.
 */
export async function compareWithNode(requests: number): Promise<void> {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const ours = await serveHttp2({ onStream: respondToOurs });
  const node = createServer({ settings: { maxConcurrentStreams: 4096 } });
  node.on("stream", respondToNode).listen(0, "127.0.0.1");
  await once(node, "listening");
  const ports = [ours.port, (node.address() as AddressInfo).port];
  let sessions: ClientHttp2Session[] = [];
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    node.close();
  });
  const together = 8;
  let compared = 0;
  for (let sent = 0; sent < requests; sent += together) {
    if (sent % sessionRequests === 0) {
      for (const session of sessions) session.destroy();
      sessions = ports.map((port) => connect(`http://127.0.0.1:${port}`));
    }
    const batch = Array.from({ length: together }, () => createRequest(random));
    const outcomes = await Promise.all(
      sessions.map((session) => Promise.all(batch.map((request) => send(session, request)))),
    );
    for (const [at, request] of batch.entries()) {
      const context = JSON.stringify({
        seed,
        sent,
        ...request,
        body: request.body.map(({ length }) => length),
      });
      expect({ context, outcome: outcomes[0]?.[at] }).toEqual({ context, outcome: outcomes[1]?.[at] });
      if (outcomes[0]?.[at] !== undefined) compared++;
    }
  }
  expect(compared).toBeGreaterThan(requests / 2);
  expect(ours.errors).toEqual([]);
}
