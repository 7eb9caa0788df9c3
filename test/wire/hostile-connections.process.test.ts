import { once } from "node:events";
import { readdir } from "node:fs/promises";
import * as http2 from "node:http2";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { connectTo, flags, frame, frameType, headerBlock, preface, settings, uint32 } from "./raw-http2.ts";

async function start(): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

async function expectAlive(server: ServerProcess): Promise<void> {
  expect((await fetch(`http://${server.address}/v1/key`)).status).toBe(200);
  expect((await fetch(`http://${server.adminAddress}/readyz`)).status).toBe(200);
}

const put = headerBlock({
  ":method": "PUT",
  ":scheme": "http",
  ":path": "/v1/key/a",
  ":authority": "localhost",
  expect: "100-continue",
});
const open = [preface, settings, frame(frameType.headers, flags.endHeaders, 1, put)];

test.each([
  ["RST_STREAM", frame(frameType.resetStream, 0, 1, uint32(8))],
  ["WINDOW_UPDATE of 0", frame(frameType.windowUpdate, 0, 1, uint32(0))],
  ["GOAWAY", frame(frameType.goAway, 0, 0, Buffer.alloc(8))],
  ["a frame that breaks the protocol", frame(frameType.data, 0, 0)],
])("survives HEADERS with expect: 100-continue and %s in one segment", async (_name, last) => {
  const server = await start();
  for (const end of [false, true]) {
    const socket = await connectTo(server.address);
    socket.write(Buffer.concat([...open, last]));
    if (end) socket.end();
    await once(socket.resume(), "data");
    socket.destroy();
  }
  await expectAlive(server);
  expect(await server.stop()).toBe(0);
});

const watch = {
  ":method": "POST",
  ":path": "/duetkv.v1.KeyValueService/Watch",
  "content-type": "application/grpc",
  te: "trailers",
};

test("frees the watches and descriptors of HTTP/2 clients that send GOAWAY and FIN", async () => {
  const server = await start();
  const before = await descriptors(server);
  for (let client = 0; client < 20; client++) {
    const session = http2.connect(`http://${server.address}`);
    const stream = session.request(watch);
    stream.on("error", () => {});
    stream.end(Buffer.alloc(5));
    await once(stream, "response");
    await once(stream, "data");
    session.destroy();
  }
  await expect.poll(() => gauge(server, "duetkv_watchers"), patient).toBe(0);
  await expect.poll(() => descriptors(server), patient).toBeLessThanOrEqual(before + 5);
});

test("frees the connection of an HTTP/2 client that half-closes it without a word", async () => {
  const server = await start();
  const [host, port] = server.address.split(":");
  const socket = connect({ host: host as string, port: Number(port), allowHalfOpen: true });
  await once(socket, "connect");
  socket.end(Buffer.concat([preface, settings]));
  await once(socket.resume(), "end");
  // Less than the keep-alive of a silent connection takes.
}, 25_000);

const patient = { timeout: 30_000, interval: 100 };

async function descriptors(server: ServerProcess): Promise<number> {
  return (await readdir(`/proc/${server.pid}/fd`)).length;
}

async function gauge(server: ServerProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://${server.adminAddress}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}
