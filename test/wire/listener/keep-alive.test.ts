import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import { openListener } from "../../../src/wire/listener/listener.ts";

const log = { debug() {}, warn() {}, error() {} };

async function listen() {
  const listener = await openListener({
    address: { host: "127.0.0.1", port: 0 },
    handle: (exchange) => exchange.respond(200, {}, ""),
    handleStream: (stream) => stream.respondAndEnd(ResponseHeaders.status(200)),
    limits: { http2: { pingIntervalMs: 20, pingTimeoutMs: 200 } },
    log,
  });
  onTestFinished(() => listener.drain(0));
  return listener.address;
}

it("ends a session whose peer no longer answers", async () => {
  const socket = connect(await listen());
  const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), emptySettings]));
  socket.resume();
  socket.on("error", () => {});
  await once(socket, "close");
});

it("leaves a session alone whose peer answers", async () => {
  const { host, port } = await listen();
  const session = connectHttp2(`http://${host}:${port}`);
  let pings = 0;
  session.on("ping", () => pings++);
  await expect.poll(() => pings, { timeout: 60_000 }).toBeGreaterThan(20);
  expect(session.closed).toBe(false);
  session.destroy();
});
