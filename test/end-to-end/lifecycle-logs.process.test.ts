import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { freePort } from "../support/ports.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { withClients } from "./every-client.ts";
import { runToEnd, spawnUnread } from "./lifecycle-process.ts";

const canary = "canary-5f1d";

test("no key and no value is ever logged, whatever clients send", async () => {
  const directory = await temporaryDirectory();
  const small = ["--compaction-bytes-min", "1000", "--watch-history-events-max", "1"];
  const flags = ["--log", `file:${directory}`, "--log-level", "debug", ...small];
  const server = await startServerProcess(flags);
  onTestFinished(() => void server.stop("SIGKILL"));
  await withClients(server.address, async (clients) => {
    for (const client of clients) await misbehave(client);
  });
  for (const request of [
    `GET /v1/key/${canary}%ff HTTP/1.1\r\nhost: x\r\n\r\n`,
    `GET /v1/key/${canary} HTTP/1.1\r\nhost: ${canary} x\r\n\r\n`,
    `PUT /v1/key/${canary} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"${canary}":1`,
    `PATCH /v1/key/${canary} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `PUT /v1/key/${canary} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${canary}\r\n\r\n`,
    `${canary} nonsense\r\n\r\n`,
  ]) {
    await sendBytes(server.address, request);
  }
  expect(await server.stop()).toBe(0);
  // A damaged end is reported at the next start, but not what was in it.
  const log = await readFile(`${directory}/lock`, "latin1");
  expect(log).not.toContain(canary);
  expect(server.lines.join("\n")).not.toContain(canary);
  const again = await startServerProcess(flags);
  expect(await again.stop()).toBe(0);
  expect(again.lines.join("\n")).not.toContain(canary);
});

/** What works, and one of everything that is refused. */
async function misbehave(client: KeyValueClient): Promise<void> {
  const key = `${canary}/key`;
  const calls = [
    client.put({ key, value: canary }),
    client.put({ key, value: canary.repeat(200_000) }),
    client.put({ key: canary.repeat(200), value: canary }),
    client.put({ key: `${canary}\0`, value: canary }),
    client.put({ key, value: canary, precondition: { condition: { case: "revision", value: 999n } } }),
    client.put({ key, value: canary, precondition: { condition: { case: "exists", value: false } } }),
    client.get({ key: `${canary}/missing` }),
    client.get({ key, minRevision: -1n }),
    client.delete({ key: `${canary}/missing` }),
    client.list({ prefix: canary, start: canary }),
    client.list({ prefix: canary, pageToken: canary }),
    client.batchGet({ keys: [canary, `${canary}\0`] }),
    client.commit({ checks: [{ key: canary }] }),
  ];
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(5);
}

async function sendBytes(address: string, bytes: string): Promise<void> {
  const [host, port] = address.split(":");
  const socket = connect({ host: host as string, port: Number(port), allowHalfOpen: false });
  socket.on("error", () => {});
  socket.end(bytes, "latin1");
  socket.resume();
  await once(socket, "close");
}

test("no configuration error shows the given value", async () => {
  const flags = ["--listen", canary, "--log", `postgres+${canary}`, "--key-bytes-max", canary];
  const { code, output, errors } = await runToEnd(flags, { environment: { DUETKV_LOG_LEVEL: canary } });
  expect(code).toBe(1);
  expect(output + errors).not.toContain(canary);
});

test("continues when its log is not read", async () => {
  const [service, admin] = [await freePort(), await freePort()];
  const flags = ["--listen", `127.0.0.1:${service}`, "--admin-listen", `127.0.0.1:${admin}`];
  const child = spawnUnread([...flags, "--log", "memory:", "--log-level", "debug"]);
  const exit = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  await until(async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok);
  // Each makes a debug line; together they are several times what a pipe holds.
  const frames = brokenPreface;
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 50 }, () => sendBytes(`127.0.0.1:${service}`, frames)));
  }
  const put = await fetch(`http://127.0.0.1:${service}/v1/key/a`, { method: "PUT", body: "x" });
  expect(put.status).toBe(201);
  child.kill("SIGTERM");
  expect(await exit).toEqual([0, null]);
});

// The preface of HTTP/2, then a SETTINGS frame on a stream other than 0, which is a connection error.
const brokenPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\x01";
