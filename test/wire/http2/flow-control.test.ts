import { describe, expect, test } from "vitest";
import { frameTypes } from "../../../src/wire/http2/frame-format.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { RawClient } from "./raw-client.ts";
import { data, headers, ping, settings, windowUpdate } from "./raw-frames.ts";
import { BodyHandler, okHeaders, serveHttp2 } from "./serve-http2.ts";

const body = (length: number): Buffer => Buffer.alloc(length, "abcdefghij");
const whole = (length: number) => (stream: Stream) => stream.respondWhole(okHeaders, body(length), 0, length);

async function openClient(onStream: (stream: Stream) => void, values = {}) {
  const served = await serveHttp2({ onStream });
  const client = RawClient.open(served.connect(), values);
  /** Resolves when the server has read everything so far and sent what it may. */
  const settle = async (mark: string): Promise<void> => {
    client.send(ping(false, Buffer.from(mark.padEnd(8))));
    await client.frame(
      ({ type, payload }) => type === frameTypes.ping && payload.toString() === mark.padEnd(8),
    );
  };
  return { ...served, client, settle };
}

describe("responses", () => {
  test("stay within the windows of stream and connection", async () => {
    const { client, settle } = await openClient(whole(200_000), { 4: 100_000 });
    client.send(headers(1, true));
    await settle("a");
    expect(client.bodyBytes(1)).toBe(65_535);
    client.send(windowUpdate(0, 1_000_000));
    await settle("b");
    expect(client.bodyBytes(1)).toBe(100_000);
    client.send(windowUpdate(1, 99_999));
    await settle("c");
    expect(client.bodyBytes(1)).toBe(199_999);
    client.send(windowUpdate(1, 1));
    await client.response(1);
    expect(client.bodyBytes(1)).toBe(200_000);
  });

  test("follow a change of the initial window, down to a negative one", async () => {
    const { client, settle } = await openClient(whole(60_000), { 4: 30_000 });
    client.send(headers(1, true));
    await settle("a");
    client.send(settings({ 4: 10_000 }), windowUpdate(1, 20_000));
    await settle("b");
    expect(client.bodyBytes(1)).toBe(30_000);
    client.send(settings({ 4: 40_000 }));
    await client.response(1);
    expect(client.bodyBytes(1)).toBe(60_000);
  });

  test("of many streams take turns when the connection's window is short", async () => {
    const { client, settle } = await openClient(whole(100_000), { 4: 1_000_000 });
    const ids = [1, 3, 5, 7];
    client.send(...ids.map((id) => headers(id, true)));
    await settle("a");
    const before = ids.map((id) => client.bodyBytes(id));
    client.send(windowUpdate(0, 3 * 16_384));
    await settle("b");
    // The first had the initial window; of the rest each gets one frame before any gets a second.
    const got = ids.map((id, index) => client.bodyBytes(id) - (before[index] as number));
    expect(got.filter((bytes) => bytes > 0)).toEqual([16_384, 16_384, 16_384]);
  });

  test("written in parts: false means to wait for onDrain", async () => {
    let drains = 0;
    let written = 0;
    const { client } = await openClient((stream) => {
      stream.respond(okHeaders);
      const more = (): void => {
        while (written < 100) {
          written++;
          if (!stream.write(body(10_000))) return;
        }
        stream.end();
      };
      const handler = new BodyHandler(stream, () => {});
      handler.onDrain = () => {
        drains++;
        more();
      };
      stream.handler = handler;
      more();
    });
    client.send(headers(1, true));
    const given = setInterval(() => client.send(windowUpdate(0, 30_000), windowUpdate(1, 30_000)), 1);
    await client.response(1);
    clearInterval(given);
    expect(client.bodyBytes(1)).toBe(1_000_000);
    expect(drains).toBeGreaterThan(10);
  });
});

describe("requests", () => {
  test("are given window as the handler consumes", async () => {
    let stream: Stream | undefined;
    const { client, settle } = await openClient((opened) => {
      stream = opened;
      opened.handler = { onData() {}, onEnd() {}, onAbort() {}, onDrain() {} };
    });
    const updates = () =>
      client.frames.filter(({ type, streamId }) => type === frameTypes.windowUpdate && streamId === 1);
    const part = body(16_000);
    client.send(headers(1), ...Array.from({ length: 60 }, () => data(1, part)));
    await settle("a");
    expect(updates()).toEqual([]);
    stream?.consume(60 * 16_000);
    const { payload } = await client.frameOf(frameTypes.windowUpdate, 1);
    expect(payload.readUInt32BE(0)).toBe(60 * 16_000);
    expect(stream?.unread).toBe(0);
  });

  test("in pieces of one byte arrive whole", async () => {
    const { client } = await openClient((stream) => {
      stream.handler = new BodyHandler(stream, (received) =>
        stream.respondWhole(okHeaders, received, 0, received.length),
      );
    });
    await client.frameOf(frameTypes.settings);
    client.socket.setNoDelay(true);
    const bytes = Buffer.concat([headers(1), data(1, "hello"), data(1, " world", true)]);
    for (const byte of bytes) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.response(1);
    const received = client.frames
      .filter(({ type }) => type === frameTypes.data)
      .map(({ payload }) => payload.toString());
    expect(received.join("")).toBe("hello world");
  });
});

test("long work yields: another connection is served while one has many calls waiting", async () => {
  const order: string[] = [];
  const served = await serveHttp2({
    limits: { turnMs: 1 },
    onStream: (stream) => {
      order.push(stream.headers.authority as string);
      const until = performance.now() + 1;
      while (performance.now() < until);
      stream.respondAndEnd(okHeaders);
    },
  });
  const [busy, other] = [RawClient.open(served.connect()), RawClient.open(served.connect())];
  const fields = (authority: string) =>
    [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", authority],
    ] as const;
  await Promise.all([busy, other].map((client) => client.frameOf(frameTypes.settings)));
  busy.send(...Array.from({ length: 200 }, (_, index) => headers(2 * index + 1, true, fields("busy"))));
  await busy.response(1);
  other.send(headers(1, true, fields("other")));
  await other.response(1);
  await busy.response(399);
  expect(order.indexOf("other")).toBeLessThan(180);
});
