import { expect, test } from "vitest";
import { errorCodes } from "../../../src/wire/http2/connection-error.ts";
import { type ConnectionState, ConnectionTimes } from "../../../src/wire/http2/connection-times.ts";
import { clientPreface, frameTypes } from "../../../src/wire/http2/frame-format.ts";
import { sweepMsMax } from "../../../src/wire/http2/http2-server.ts";
import { defaultHttp2Limits } from "../../../src/wire/http2/limits.ts";
import { until } from "../../support/until.ts";
import { RawClient } from "./raw-client.ts";
import { data, frame, headers, opening, requestFields, windowUpdate } from "./raw-frames.ts";
import { okHeaders, serveHttp2 } from "./serve-http2.ts";

const large = Buffer.alloc(1_000_000);

test.each([
  ["no byte", Buffer.alloc(0)],
  ["half a preface", clientPreface.subarray(0, 10)],
  ["no SETTINGS", clientPreface],
])("closes a connection that sends %s", async (_name, bytes) => {
  const { connect, ends } = await serveHttp2({ limits: { prefaceMs: 50, closeMs: 10 } });
  const client = new RawClient(connect());
  client.acknowledges = false;
  client.send(bytes);
  await client.whenClosed();
  expect(ends).toEqual(["preface_timeout"]);
});

test("closes a connection that does not acknowledge SETTINGS", async () => {
  const { connect } = await serveHttp2({ limits: { settingsMs: 50 } });
  const client = new RawClient(connect());
  client.acknowledges = false;
  client.send(opening());
  expect(await client.goAwayCode()).toBe(errorCodes.settingsTimeout);
});

test.each([
  ["frame", headers(1).subarray(0, 12)],
  ["header block", frame(frameTypes.headers, 0, 1)],
])("closes a connection whose %s is not completed", async (_name, bytes) => {
  const { connect, ends } = await serveHttp2({ limits: { headerMs: 50 } });
  const client = RawClient.open(connect());
  await client.frameOf(frameTypes.settings);
  client.send(bytes);
  expect(await client.goAwayCode()).toBe(errorCodes.enhanceYourCalm);
  expect(ends).toEqual(["header_timeout"]);
});

test("resets a stream whose request body stalls", async () => {
  const { connect, ends } = await serveHttp2({ limits: { stallMs: 50 } });
  const client = RawClient.open(connect());
  client.send(headers(1), data(1, "a part"));
  expect(await client.resetCode(1)).toBe(errorCodes.cancel);
  expect(ends).toEqual(["body_stalled"]);
});

test("does not reset a stream that waits for its handler", async () => {
  const { connect, ends } = await serveHttp2({
    limits: { stallMs: 20 },
    onStream: (stream) => {
      stream.handler = { onData() {}, onEnd() {}, onAbort() {}, onDrain() {} };
      setTimeout(() => stream.respondAndEnd(okHeaders), 300);
    },
  });
  const client = RawClient.open(connect());
  client.send(headers(1), data(1, "a part"));
  await client.response(1);
  expect(ends).toEqual([]);
});

test("resets a stream whose request body takes too long, though it never stalls", async () => {
  const { connect, ends } = await serveHttp2({ limits: { bodyMs: 100 } });
  const client = RawClient.open(connect());
  client.send(headers(1));
  const trickle = setInterval(() => client.send(data(1, "x")), 5);
  await client.resetCode(1);
  clearInterval(trickle);
  expect(ends).toEqual(["body_timeout"]);
});

test.each([0, 1])(
  "resets a response that waits for window, however slowly it is given (window %i)",
  async (window) => {
    const { connect, ends } = await serveHttp2({
      limits: { stallMs: 100 },
      onStream: (stream) => stream.respondWhole(okHeaders, large, 0, large.length),
    });
    const client = RawClient.open(connect(), { 4: window });
    client.send(headers(1, true));
    const trickle = setInterval(() => client.send(windowUpdate(1, 1)), 5);
    await client.resetCode(1);
    clearInterval(trickle);
    expect(ends).toEqual(["response_stalled"]);
  },
);

test("destroys a connection whose socket takes nothing", async () => {
  const { connect, ends, server } = await serveHttp2({
    limits: { stallMs: 100, writeBacklogBytesMax: 100_000_000, closeMs: 10 },
    onStream: (stream) => {
      stream.respond(okHeaders);
      for (let count = 0; count < 30; count++) stream.write(large);
    },
  });
  const client = RawClient.open(connect(), { 4: 0x7fff_ffff });
  client.send(windowUpdate(0, 0x7fff_0000), headers(1, true));
  client.socket.pause();
  await until(() => server.connections.size > 0);
  await until(() => server.connections.size === 0);
  expect(ends).toContain("write_stalled");
});

/** What a sweep sees of a connection whose peer has taken nothing since the last one. */
const stalled: ConnectionState = {
  settingsReceived: true,
  settingsAcknowledged: true,
  partialFrame: undefined,
  partialBlock: undefined,
  writeProgress: 1,
  openStreams: 1,
  lastStreamId: 1,
};

test("ends a connection that takes nothing within 60 s, however the sweeps fall", () => {
  // The backlog begins just after a sweep.
  const times = new ConnectionTimes(defaultHttp2Limits, 0);
  let now = 0;
  times.expired({ ...stalled, writeProgress: undefined }, now);
  while (times.expired(stalled, (now += sweepMsMax)) === undefined);
  // A sweep later the socket is destroyed.
  expect(now).toBeLessThanOrEqual(60_000 - 2 * sweepMsMax);
  expect(now).toBeGreaterThan(50_000);
});

test("pings a silent peer, and destroys the connection without a sign of life", async () => {
  const { connect, ends } = await serveHttp2({ limits: { pingIntervalMs: 40, pingTimeoutMs: 1000 } });
  const client = RawClient.open(connect());
  client.send(headers(1));
  const pings = () => client.frames.filter(({ type }) => type === frameTypes.ping).length;
  await until(() => pings() >= 3);
  expect(ends).toEqual([]);
  client.acknowledges = false;
  await client.whenClosed();
  expect(ends).toEqual(["ping_timeout", "ping_timeout"]);
});

test("closes an idle connection with GOAWAY, but none with a stream", async () => {
  const { connect, ends } = await serveHttp2({
    limits: { idleMs: 200 },
    onStream: (stream) =>
      void (stream.headers.path === "/" && setTimeout(() => stream.respondAndEnd(okHeaders), 600)),
  });
  const client = RawClient.open(connect());
  client.send(headers(1, true));
  await client.response(1);
  expect(ends).toEqual([]);
  expect(await client.goAwayCode()).toBe(errorCodes.noError);
  await client.whenClosed();
  expect(ends).toEqual(["idle"]);
});

test("asks the streams of an aged connection to end, and closes those that do not", async () => {
  const { connect, ends } = await serveHttp2({
    limits: { ageMs: 100, ageGraceMs: 100, endingMs: 200 },
    onStream: (stream) => {
      stream.respond(okHeaders);
      const onEnding = () => stream.headers.path === "/" && stream.end();
      stream.handler = { onData() {}, onEnd() {}, onAbort() {}, onDrain() {}, onEnding };
    },
  });
  const polite = RawClient.open(connect());
  polite.send(headers(1, true));
  await polite.response(1);
  await polite.whenClosed();
  const stays = RawClient.open(connect());
  const stayFields = requestFields.map(([name, value]): [string, string] => [
    name,
    name === ":path" ? "/stays" : value,
  ]);
  stays.send(headers(1, true, stayFields));
  await stays.whenClosed();
  expect(ends).toEqual(["age", "age", "drain_timeout", "drain_timeout"]);
});

test("drains a connection at its age", async () => {
  const { connect, ends } = await serveHttp2({ limits: { ageMs: 100 } });
  const client = RawClient.open(connect());
  await client.whenClosed();
  expect(ends).toEqual(["age"]);
});
