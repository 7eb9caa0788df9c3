import { describe, expect, test } from "vitest";
import { errorCodes } from "../../../src/wire/http2/connection-error.ts";
import { frameTypes } from "../../../src/wire/http2/frame-format.ts";
import { until } from "../../support/until.ts";
import { RawClient } from "./raw-client.ts";
import { data, headers, ping, windowUpdate } from "./raw-frames.ts";
import { BodyHandler, okHeaders, serveHttp2 } from "./serve-http2.ts";

const goAways = (client: RawClient): number[] =>
  client.frames
    .filter(({ type }) => type === frameTypes.goAway)
    .map(({ payload }) => payload.readUInt32BE(0));

describe("drain", () => {
  test("answers streams that arrive between the two GOAWAYs, ignores later ones, and closes", async () => {
    const { connect, server, ends } = await serveHttp2();
    const client = RawClient.open(connect());
    client.send(headers(1), data(1, "one", true));
    await client.response(1);
    client.acknowledges = false;
    const drained = server.drain(10_000);
    const { payload } = await client.frameOf(frameTypes.ping);
    expect(goAways(client)).toEqual([0x7fff_ffff]);
    client.send(headers(3), data(3, "between", true), headers(5), ping(true, payload));
    await client.response(3);
    await client.frame(
      ({ type, payload: { length } }) =>
        type === frameTypes.goAway && length > 0 && goAways(client).length === 2,
    );
    expect(goAways(client)).toEqual([0x7fff_ffff, 5]);
    client.send(headers(7), data(7, "too late", true), data(5, "still answered", true));
    await client.response(5);
    await client.whenClosed();
    await drained;
    expect(client.bodyBytes(5)).toBe("still answered".length);
    expect(client.frames.some(({ streamId }) => streamId === 7)).toBe(false);
    expect(ends).toEqual([]);
  });

  test("sends the second GOAWAY to a client that does not answer the PING", async () => {
    const { connect, server } = await serveHttp2({ limits: { pingTimeoutMs: 40 } });
    const client = RawClient.open(connect());
    await client.frameOf(frameTypes.settings);
    client.acknowledges = false;
    const drained = server.drain(60_000);
    await client.whenClosed();
    await drained;
    expect(goAways(client)).toEqual([0x7fff_ffff, 0]);
  });

  test("destroys what is open after the grace, and tells the handler", async () => {
    const handlers: BodyHandler[] = [];
    const { connect, server, ends } = await serveHttp2({
      onStream: (stream) => {
        const handler = new BodyHandler(stream, () => {});
        handlers.push(handler);
        stream.handler = handler;
      },
    });
    const client = RawClient.open(connect());
    client.send(headers(1, true));
    await until(() => handlers.length > 0);
    await server.drain(50);
    expect(handlers[0]?.aborted).toBe("drain_timeout");
    expect(ends).toEqual(["drain_timeout", "drain_timeout"]);
    await client.whenClosed();
  });

  test("resolves at once without connections, and drains one that comes later", async () => {
    const { connect, server } = await serveHttp2();
    await server.drain(10_000);
    const client = RawClient.open(connect());
    expect(await client.goAwayCode()).toBe(errorCodes.noError);
    await client.whenClosed();
  });

  test("waits for a client that is slow to read the last response", async () => {
    const large = Buffer.alloc(7_000_000, "v");
    const { connect, server } = await serveHttp2({
      limits: { closeMs: 20, writeBacklogBytesMax: 100_000_000 },
      onStream: (stream) => stream.respondWhole(okHeaders, large, 0, large.length),
    });
    const client = RawClient.open(connect(), { 4: 0x7fff_ffff });
    client.send(windowUpdate(0, 0x7fff_0000), headers(1, true));
    await client.frameOf(frameTypes.headers, 1);
    client.socket.pause();
    const drained = server.drain(60_000);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    client.socket.resume();
    await Promise.all([client.whenClosed(), drained]);
    expect(client.bodyBytes(1)).toBe(large.length);
  });

  test("loses no call that a client sends before it sees the first GOAWAY", async () => {
    for (let round = 0; round < 5; round++) {
      const { connect, server, ends } = await serveHttp2({
        onStream: (stream) => {
          stream.handler = new BodyHandler(stream, (body) => {
            setTimeout(() => stream.respondWhole(okHeaders, body, 0, body.length), 2);
          });
        },
      });
      const clients = Array.from({ length: 4 }, () => RawClient.open(connect()));
      let calls = 0;
      const work = clients.map(async (client) => {
        let next = 1;
        const callUntilGoAway = async (): Promise<void> => {
          while (goAways(client).length === 0) {
            const id = next;
            next += 2;
            client.send(headers(id), data(id, "call", true));
            await client.response(id);
            calls++;
          }
        };
        await Promise.all(Array.from({ length: 8 }, callUntilGoAway));
      });
      await until(() => calls >= 100);
      const drained = server.drain(60_000);
      await Promise.all([...work, drained]);
      expect(ends).toEqual([]);
    }
  });
});
