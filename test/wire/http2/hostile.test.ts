import { describe, expect, test } from "vitest";
import { ByteBudget } from "../../../src/wire/http2/byte-budget.ts";
import { errorCodes } from "../../../src/wire/http2/connection-error.ts";
import { frameFlags, frameTypes } from "../../../src/wire/http2/frame-format.ts";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { until } from "../../support/until.ts";
import { openSession, request } from "./http2-client.ts";
import { RawClient } from "./raw-client.ts";
import {
  block,
  data,
  frame,
  headers,
  ping,
  requestFields,
  resetStream,
  settings,
  windowUpdate,
  word,
} from "./raw-frames.ts";
import { BodyHandler, okHeaders, type ServeOptions, serveHttp2 } from "./serve-http2.ts";

const MiB = 1024 * 1024;
const repeat = (count: number, bytes: Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes));

/** Serves while a well-behaved client calls, one call after another. `check` ends it and expects that no call failed. */
async function serveBesideGoodClient(options: ServeOptions = {}) {
  const served = await serveHttp2(options);
  const session = openSession(served.port);
  const state = { ended: false, calls: 0 };
  const calling = (async () => {
    while (!state.ended) {
      const { body } = await request(session, { ":path": "/good" }, Buffer.from("good"));
      if (body.toString() !== "good") throw new Error("a wrong response");
      state.calls++;
    }
  })();
  calling.catch(() => {});
  return {
    ...served,
    open: (values: Readonly<Record<number, number>> = {}) => RawClient.open(served.connect(), values),
    check: async (): Promise<void> => {
      const before = state.calls;
      await Promise.race([calling, until(() => state.calls >= before + 3)]);
      state.ended = true;
      await calling;
      expect(served.errors).toEqual([]);
    },
  };
}

/** A small burst, and next to nothing after it, so that time plays no part. */
const floodLimits = { floodBurst: 200, floodPerSecond: 1 };

describe("a flood ends its connection with ENHANCE_YOUR_CALM:", () => {
  const open = headers(1);
  const resets = Array.from({ length: 300 }, (_, index) => [
    headers(2 * index + 1),
    resetStream(2 * index + 1),
  ]);
  const provoked = Array.from({ length: 300 }, (_, index) => [
    headers(2 * index + 1),
    windowUpdate(2 * index + 1, 0),
  ]);
  test.each<[name: string, bytes: Uint8Array]>([
    ["rapid reset", Buffer.concat(resets.flat())],
    ["resets that the client provokes", Buffer.concat(provoked.flat())],
    ["SETTINGS", repeat(300, settings())],
    [
      "SETTINGS that change windows",
      repeat(150, Buffer.concat([settings({ 4: 1 }), settings({ 4: 100_000 })])),
    ],
    ["PING", repeat(300, ping())],
    ["PING acknowledgements", repeat(300, ping(true))],
    ["PRIORITY", repeat(300, frame(frameTypes.priority, 0, 1, Buffer.concat([word(3), Buffer.of(0)])))],
    ["small WINDOW_UPDATE of the connection", repeat(300, windowUpdate(0, 1))],
    ["small WINDOW_UPDATE of a stream", Buffer.concat([open, repeat(300, windowUpdate(1, 1))])],
    ["empty DATA", Buffer.concat([open, repeat(300, data(1, ""))])],
    [
      "DATA that is all padding",
      Buffer.concat([open, repeat(300, frame(0, frameFlags.padded, 1, Buffer.alloc(9, 8).fill(0, 1)))]),
    ],
    ["unknown frames", repeat(300, frame(99, 0, 0))],
    [
      "small DATA on a stream that was reset",
      Buffer.concat([open, windowUpdate(1, 0), repeat(300, data(1, "x"))]),
    ],
    ["DATA on a closed stream", Buffer.concat([headers(1, true), repeat(300, data(1, "x"))])],
    [
      "malformed requests",
      Buffer.concat(
        Array.from({ length: 300 }, (_, index) => headers(2 * index + 1, true, [[":method", "GET"]])),
      ),
    ],
  ])("%s", async (_name, bytes) => {
    const { open: openClient, ends, check } = await serveBesideGoodClient({ limits: floodLimits });
    const client = openClient();
    client.send(bytes);
    expect(await client.goAwayCode()).toBe(errorCodes.enhanceYourCalm);
    await client.whenClosed();
    expect(ends).toContain("flood");
    await check();
  });

  test("CONTINUATION without end", async () => {
    const { open: openClient, ends, check } = await serveBesideGoodClient();
    const client = openClient();
    client.send(frame(frameTypes.headers, 0, 1), repeat(1000, frame(frameTypes.continuation, 0, 1)));
    expect(await client.goAwayCode()).toBe(errorCodes.enhanceYourCalm);
    expect(ends).toContain("header_block_too_large");
    await check();
  });
});

describe("a header bomb", () => {
  test("of CONTINUATION frames ends its connection before it is held", async () => {
    const { open, check } = await serveBesideGoodClient();
    const client = open();
    const part = frame(frameTypes.continuation, 0, 1, Buffer.alloc(16_384));
    client.send(frame(frameTypes.headers, 0, 1), repeat(64, part));
    expect(await client.goAwayCode()).toBe(errorCodes.enhanceYourCalm);
    await check();
  });

  test("of references to one large table entry is answered with 431", async () => {
    const { open, ends, check } = await serveBesideGoodClient();
    const client = open();
    // A literal of 4,000 bytes that is indexed, then 10,000 times: 40 MB when decoded.
    const literal = Buffer.concat([Buffer.of(0x40, 1, 0x78, 0x7f, 0xa1, 0x1e), Buffer.alloc(4000, "v")]);
    const bomb = Buffer.concat([block(requestFields), literal, Buffer.alloc(10_000, 0xbe)]);
    client.send(frame(frameTypes.headers, frameFlags.endHeaders | frameFlags.endStream, 1, bomb));
    await client.response(1);
    expect(ends).toEqual(["header_list_too_large"]);
    // The connection's compression state is intact.
    client.send(headers(3), data(3, "next", true));
    await client.response(3);
    expect(client.bodyBytes(3)).toBe(4);
    await check();
  });
});

describe("what a client makes the server hold is bounded:", () => {
  const large = Buffer.alloc(MiB, "v");
  const respondLarge = (stream: Stream): void => {
    if (stream.headers.path === "/good") {
      stream.handler = new BodyHandler(stream, (body) =>
        stream.respondWhole(okHeaders, body, 0, body.length),
      );
    } else {
      stream.respondWhole(okHeaders, large, 0, large.length);
    }
  };

  test.each([0, 1])("large responses behind a window of %i", async (window) => {
    const budget = new ByteBudget(64 * MiB);
    const { open, ends, check } = await serveBesideGoodClient({
      onStream: respondLarge,
      limits: { connectionBytesMax: 8 * MiB },
      budget,
    });
    const client = open({ 4: window });
    for (let id = 1; id < 100; id += 2) client.send(headers(id, true));
    expect(await client.resetCode(99)).toBe(errorCodes.enhanceYourCalm);
    expect(budget.used).toBeLessThanOrEqual(9 * MiB);
    expect(ends.filter((reason) => reason === "connection_bytes").length).toBeGreaterThan(35);
    await check();
    client.socket.destroy();
    await until(() => budget.used === 0);
  });

  test("responses that the socket does not take", async () => {
    const budget = new ByteBudget(64 * MiB);
    const { open, check } = await serveBesideGoodClient({
      onStream: respondLarge,
      limits: { connectionBytesMax: 16 * MiB, writeBacklogBytesMax: MiB },
      budget,
    });
    const client = open({ 4: 0x7fff_ffff });
    client.send(windowUpdate(0, 0x7fff_0000));
    client.socket.pause();
    for (let id = 1; id < 400; id += 2) client.send(headers(id, true));
    await check();
    expect(budget.used).toBeLessThanOrEqual(17 * MiB);
  });

  test("responses that the sockets of many connections do not take", async () => {
    const budget = new ByteBudget(8 * MiB);
    const { open, ends, check } = await serveBesideGoodClient({
      onStream: respondLarge,
      limits: { writeBacklogBytesMax: 100 * MiB },
      budget,
    });
    for (let count = 0; count < 10; count++) {
      const client = open({ 4: 0x7fff_ffff });
      client.send(windowUpdate(0, 0x7fff_0000));
      client.socket.pause();
      for (let id = 1; id < 60; id += 2) client.send(headers(id, true));
    }
    await until(() => ends.includes("total_bytes"));
    await check();
    // One write of each connection may be under way beyond it.
    expect(budget.used).toBeLessThanOrEqual(8 * MiB + 11 * MiB);
  });

  test("unfinished bodies on many streams", async () => {
    const budget = new ByteBudget(64 * MiB);
    const { open, ends, check } = await serveBesideGoodClient({
      limits: { connectionBytesMax: 4 * MiB },
      budget,
    });
    const client = open();
    for (let id = 1; id < 400; id += 2)
      client.send(headers(id), ...Array.from({ length: 4 }, () => data(id, large.subarray(0, 16_384))));
    await client.frame(({ type }) => type === frameTypes.resetStream);
    await check();
    expect(budget.used).toBeLessThanOrEqual(5 * MiB);
    expect(ends).toContain("connection_bytes");
  });

  const largeTimeout = Array.from({ length: 2 }, () => ["grpc-timeout", "x".repeat(5000)] as const);
  test.each([
    [
      "references to a table entry",
      Buffer.concat([block(requestFields), Buffer.alloc(530, 0x80 | 16)]),
      31_000,
    ],
    ["a header that varies", block([...requestFields, ...largeTimeout]), 10_000],
    ["headers that streams share", block([...requestFields, ["x-a", "x".repeat(3000)]]), 5000],
    ["none but the necessary", block(requestFields), 2100],
  ])("headers of unfinished requests: %s", async (_name, fields, bytes) => {
    const budget = new ByteBudget(64 * MiB);
    const { open, ends, check } = await serveBesideGoodClient({
      limits: { connectionBytesMax: MiB },
      varyingHeader: "grpc-timeout",
      budget,
    });
    const client = open();
    for (let id = 1; id < 2000; id += 2)
      client.send(frame(frameTypes.headers, frameFlags.endHeaders, id, fields));
    expect(await client.resetCode(1999)).toBe(errorCodes.refusedStream);
    const bytesMax = (9 / 8) * MiB;
    const refused = ends.filter((reason) => reason === "connection_bytes").length;
    expect(refused).toBeGreaterThan(1000 - bytesMax / bytes);
    expect(budget.used).toBeLessThanOrEqual(bytesMax);
    await check();
    client.socket.destroy();
    await until(() => budget.used === 0);
  });

  test("bodies that no handler consumes stay within the window", async () => {
    const budget = new ByteBudget(64 * MiB);
    const { open, ends } = await serveBesideGoodClient({
      onStream: (stream) => {
        if (stream.headers.path === "/good") respondLarge(stream);
        else stream.handler = { onData() {}, onEnd() {}, onAbort() {}, onDrain() {} };
      },
      limits: { streamWindowBytes: 100_000, connectionWindowBytes: 150_000 },
      budget,
    });
    const client = open();
    client.send(headers(1), repeat(7, data(1, large.subarray(0, 16_000))));
    expect(await client.resetCode(1)).toBe(errorCodes.flowControlError);
    client.send(headers(3), repeat(6, data(3, large.subarray(0, 16_000))));
    client.send(headers(5), repeat(5, data(5, large.subarray(0, 16_000))));
    expect(await client.goAwayCode()).toBe(errorCodes.flowControlError);
    expect(ends.filter((reason) => reason === "flow_control_error").length).toBeGreaterThanOrEqual(2);
  });

  test("a budget for all connections: a handler may answer what is over it", async () => {
    const budget = new ByteBudget(MiB);
    const overloaded = ResponseHeaders.headers(503, {});
    const { open, ends, check } = await serveBesideGoodClient({
      onStream: (stream) => {
        const handler = new BodyHandler(stream, (body) =>
          stream.respondWhole(okHeaders, body, 0, body.length),
        );
        const onOverload = (): void => stream.respondAndEnd(overloaded);
        stream.handler = stream.headers.path === "/good" ? handler : Object.assign(handler, { onOverload });
      },
      budget,
    });
    const clients = [open(), open()];
    for (const client of clients) {
      client.send(headers(1), repeat(50, data(1, large.subarray(0, 16_000))));
    }
    const response = await Promise.race(clients.map((client) => client.response(1)));
    expect(response.payload.length).toBeGreaterThan(0);
    expect(ends).toContain("total_bytes");
    await check();
  });

  test("streams: one too many is refused, and the client may try again", async () => {
    const { open, check } = await serveBesideGoodClient({
      onStream: (stream) => {
        if (stream.headers.path === "/good") respondLarge(stream);
      },
      limits: { streamsMax: 100 },
    });
    const client = open();
    for (let id = 1; id <= 201; id += 2) client.send(headers(id, true));
    expect(await client.resetCode(201)).toBe(errorCodes.refusedStream);
    expect(client.frames.filter(({ type }) => type === frameTypes.resetStream)).toHaveLength(1);
    await check();
  });
});

describe("an honest client is not cut off:", () => {
  test("3,000 streams on one connection, one after another and many at a time", async () => {
    const { port, ends } = await serveHttp2();
    const session = openSession(port);
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 1000 }, () => request(session, {}, Buffer.from("x")));
      for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    }
    expect(ends).toEqual([]);
  });

  test("it cancels 5,000 streams at once", async () => {
    const { connect, ends } = await serveHttp2({
      onStream: (stream) => stream.respond(okHeaders),
      limits: { streamsMax: 5000 },
    });
    const client = RawClient.open(connect());
    const ids = Array.from({ length: 5000 }, (_, index) => 2 * index + 1);
    client.send(...ids.map((id) => headers(id, true)));
    await client.frameOf(frameTypes.headers, 9999);
    client.send(...ids.map((id) => resetStream(id)), ping(false, Buffer.from("still ok")));
    await client.frame(({ type, payload }) => type === frameTypes.ping && payload.toString() === "still ok");
    expect(ends).toEqual(ids.map(() => "cancelled"));
  });
});
