import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { WatchRequest } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ByteBudget } from "../../src/wire/http2/byte-budget.ts";
import type { Heartbeat } from "../../src/wire/rest/event-stream.ts";
import { until } from "../support/until.ts";
import { serviceError } from "./memory-key-value.ts";
import { ask, askHttp2, reasonOf, serve } from "./serve.ts";

async function openStream(port: number, path: string): Promise<[ClientRequest, IncomingMessage]> {
  const request = httpRequest({ host: "127.0.0.1", port, path, agent: false }).end();
  request.on("error", () => {});
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.on("error", () => {});
  return [request, response.setEncoding("utf8")];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

test.each([
  ["HTTP/1.1", ask],
  ["h2c", askHttp2],
])("messages are events with the revision to resume from as id, over %s", async (_name, send) => {
  const { port, memory } = await serve();
  memory.watch = async function* () {
    yield { revision: 7n, resumeRevision: 0n };
    yield { revision: 7n, existing: [{ key: "a\nb", value: "x" }] };
    yield { revision: 8n, resumeRevision: 8n, existingEnd: true };
  };
  const answer = await send(port, "GET", "/v1/key:watch?prefix=a&includeExisting=true");
  expect(answer.headers["content-type"]).toBe("text/event-stream");
  expect(answer.headers["cache-control"]).toBe("no-store");
  const events = answer.body.split("\n\n").slice(0, -1);
  expect(events.map((event) => event.replace(/data: .*/, "data"))).toEqual([
    "id: 0\ndata",
    "data",
    "id: 8\ndata",
  ]);
  expect(JSON.parse(events[1]?.slice(6) ?? "")).toMatchObject({ revision: "7", existing: [{ key: "a\nb" }] });
  expect(memory.requests).toMatchObject([{ prefix: "a", includeExisting: true }]);
});

test("headers and first message come while the stream stays open", async () => {
  const { port, memory } = await serve();
  memory.watch = async function* (signal) {
    yield { revision: 1n, resumeRevision: 1n };
    await aborted(signal);
  };
  const [request, response] = await openStream(port, "/v1/key:watch");
  const [text] = await once(response, "data");
  expect(text).toMatch(/^id: 1\ndata: /);
  request.destroy();
});

test("Last-Event-ID resumes after it and leaves out what exists", async () => {
  const { port, memory } = await serve();
  await ask(port, "GET", "/v1/key:watch?include_existing=true&start_revision=1", {
    headers: { "last-event-id": "7" },
  });
  expect(memory.requests[0] as WatchRequest).toMatchObject({ startRevision: 7n, includeExisting: false });
  for (const id of ["00", "-1", "x", "7.0", "9223372036854775808"]) {
    const answer = await ask(port, "GET", "/v1/key:watch", { headers: { "last-event-id": id } });
    expect([answer.status, reasonOf(answer)]).toEqual([400, "REVISION_INVALID"]);
  }
});

test("an error before the first message is an answer of its own, a later one an event", async () => {
  const { port, memory } = await serve();
  const failure = serviceError(Code.OutOfRange, "REVISION_COMPACTED", { oldest_revision: "5" });
  memory.failure = failure;
  const early = await ask(port, "GET", "/v1/key:watch");
  expect([early.status, reasonOf(early)]).toEqual([400, "REVISION_COMPACTED"]);
  memory.failure = undefined;
  memory.watch = async function* () {
    yield { revision: 1n };
    throw failure;
  };
  const late = await ask(port, "GET", "/v1/key:watch");
  expect(late.status).toBe(200);
  const end = /\n\nevent: end\ndata: (.*)\n\n$/.exec(late.body)?.[1] ?? "";
  expect(reasonOf({ body: end })).toBe("REVISION_COMPACTED");
});

test("a comment is sent at every beat, until the stream ends", async () => {
  let beat: (() => void) | undefined;
  let stopped = false;
  const heartbeat: Heartbeat = (callback) => {
    beat = callback;
    return () => {
      stopped = true;
    };
  };
  const { port, memory } = await serve({ heartbeat });
  memory.watch = async function* (signal) {
    yield { revision: 1n };
    await aborted(signal);
  };
  const [request, response] = await openStream(port, "/v1/key:watch");
  await once(response, "data");
  beat?.();
  expect((await once(response, "data"))[0]).toBe(":\n\n");
  request.destroy();
  await expect.poll(() => stopped).toBe(true);
});

test("a client that leaves aborts the signal and ends the generator", async () => {
  const { port, memory } = await serve();
  let ended = false;
  memory.watch = async function* (signal) {
    try {
      yield { revision: 1n };
      await aborted(signal);
    } finally {
      ended = true;
    }
  };
  const [request, response] = await openStream(port, "/v1/key:watch");
  await once(response, "data");
  request.destroy();
  await expect.poll(() => ended).toBe(true);
});

test("a client that leaves is not counted as a failed call, whatever its handler throws", async () => {
  const { port, memory, failed, errors } = await serve();
  let left = false;
  memory.watch = async function* (signal) {
    yield { revision: 1n };
    await aborted(signal);
    left = true;
    throw signal.reason;
  };
  const [request, response] = await openStream(port, "/v1/key:watch");
  await once(response, "data");
  request.destroy();
  await expect.poll(() => left).toBe(true);
  // By then the stream of the first client has ended, too.
  expect((await ask(port, "GET", "/v1/key/missing")).status).toBe(404);
  expect([failed, errors]).toEqual([[["get", "NO_SUCH_KEY"]], []]);
});

test("messages are pulled no faster than the client takes them", async () => {
  const { port, memory } = await serve();
  const value = "x".repeat(64 * 1024);
  let pulled = 0;
  memory.watch = async function* () {
    for (; pulled < 1000; pulled++) yield { revision: 1n, existing: [{ key: "a", value }] };
  };
  const [, response] = await openStream(port, "/v1/key:watch");
  response.pause();
  let before = -1;
  // Standing still means that the pulling has stopped; how long that takes says nothing.
  await expect.poll(() => before === (before = pulled), { interval: 200, timeout: 30_000 }).toBe(true);
  expect(pulled).toBeLessThan(600);
  let bytes = 0;
  for await (const chunk of response) bytes += chunk.length;
  expect(pulled).toBe(1000);
  expect(bytes).toBeGreaterThan(1000 * value.length);
});

test("the reason of a shutdown reaches those who watch", async () => {
  const { port, memory, shutdown } = await serve();
  memory.watch = async function* (signal) {
    yield { revision: 1n };
    await aborted(signal);
    throw signal.reason;
  };
  const [, response] = await openStream(port, "/v1/key:watch");
  let text = String((await once(response, "data"))[0]);
  shutdown.abort(serviceError(Code.Unavailable, "SHUTTING_DOWN"));
  for await (const chunk of response) text += chunk;
  expect(text).toMatch(/event: end\ndata: \{"code":"unavailable"/);
});

test("what open streams occupy is bounded, and free again when they end", async () => {
  const budget = new ByteBudget(100 * 1024);
  const { port, memory, failed } = await serve({ listener: { budget } });
  memory.watch = async function* (signal) {
    yield { revision: 1n };
    await aborted(signal);
  };
  const streams = [];
  for (let count = 0; count < 12; count++) streams.push(await openStream(port, "/v1/key:watch"));
  const refused = await ask(port, "GET", "/v1/key:watch");
  expect([refused.status, reasonOf(refused)]).toEqual([503, "OVERLOADED"]);
  expect(failed).toEqual([["watch", "OVERLOADED"]]);
  for (const [request] of streams) request.destroy();
  await until(() => budget.used === 0);
  const [request] = await openStream(port, "/v1/key:watch");
  request.destroy();
});

test("a deadline ends a stream whose handler does not listen", async () => {
  const { port, memory } = await serve();
  memory.watch = async function* () {
    yield { revision: 1n };
    await new Promise(() => {});
  };
  const answer = await ask(port, "GET", "/v1/key:watch", { headers: { "connect-timeout-ms": "100" } });
  expect(answer.body).toMatch(/event: end\ndata: \{"code":"deadline_exceeded"/);
});
