import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

async function start(prefix: readonly string[] = []): Promise<ServerProcess> {
  const directory = await temporaryDirectory();
  const server = await startServerProcess(["--log", `file:${directory}/log`], {}, prefix);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

/** A connection that is open for the server when it resolves, or refused. */
async function openConnection(address: string): Promise<Socket> {
  const [host, port] = address.split(":");
  const socket = connect({ host: host as string, port: Number(port) });
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

test("at the limit of descriptors the log and the admin port still work, and so do open connections", async () => {
  const server = await start(["sh", "-c", 'ulimit -n 160; exec "$@"', "sh"]);
  const session = connectHttp2(`http://${server.address}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "remoteSettings");
  const sockets = await Promise.all(Array.from({ length: 300 }, () => openConnection(server.address)));
  await until(() => sockets.some(({ destroyed, readableEnded }) => destroyed || readableEnded));
  for (let value = 0; value < 20; value++) {
    const stream = session.request({ ":method": "PUT", ":path": "/v1/key/a" });
    stream.end(String(value));
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(201);
    stream.resume();
  }
  expect((await fetch(`http://${server.adminAddress}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`http://${server.adminAddress}/metrics`)).text();
  expect(metrics).toMatch(/duetkv_connections_ended_total\{reason="too_many_connections"\} [1-9]/);
  for (const socket of sockets) socket.destroy();
  await until(async () => (await fetch(`http://${server.address}/v1/key/a`)).status === 200);
  expect(await server.stop()).toBe(0);
});

test("a client that cancels 5,000 watches at a time is not cut off", async () => {
  const server = await start();
  const session = connectHttp2(`http://${server.address}`, { settings: { initialWindowSize: 65_535 } });
  onTestFinished(() => session.destroy());
  await once(session, "remoteSettings");
  for (let round = 0; round < 2; round++) {
    const watches = Array.from({ length: 2500 }, () =>
      session.request({ ":path": "/v1/key:watch?prefix=a" }),
    );
    await Promise.all(watches.map((watch) => once(watch, "data")));
    for (const watch of watches) watch.on("error", () => {}).close(constants.NGHTTP2_CANCEL);
  }
  const last = session.request({ ":path": "/v1/key" });
  const [headers] = await once(last, "response");
  expect(headers[":status"]).toBe(200);
  expect(session.closed).toBe(false);
  await until(async () => {
    const metrics = await (await fetch(`http://${server.adminAddress}/metrics`)).text();
    return metrics.includes("\nduetkv_watchers 0\n");
  });
});
