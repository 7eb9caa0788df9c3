import { expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { CallFailure } from "../support/key-value-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { openClient, protocols, withClients } from "./every-client.ts";
import { acceptsConnections, beginUpload } from "./lifecycle-process.ts";

async function start(...flags: string[]): Promise<ServerProcess> {
  const server = await startServerProcess(flags);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

async function fileLog(): Promise<string[]> {
  return ["--log", `file:${await temporaryDirectory()}`];
}

test("the ready line carries the real addresses", async () => {
  const server = await start("--log", "memory:");
  const ready = server.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "ready");
  expect(ready).toMatchObject([{ listen: server.address, admin: server.adminAddress, level: 30 }]);
  expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect(await acceptsConnections(server.address)).toBe(true);
  expect(await acceptsConnections(server.adminAddress)).toBe(true);
});

test("the admin port serves liveness, readiness and metrics", async () => {
  const server = await start(...(await fileLog()));
  await fetch(`http://${server.address}/v1/key/a`, { method: "PUT", body: "x" });
  await fetch(`http://${server.address}/v1/key/missing`);
  for (const path of ["/livez", "/readyz"]) {
    const response = await fetch(`http://${server.adminAddress}${path}`);
    expect([path, response.status, await response.text()]).toEqual([path, 200, "ok\n"]);
  }
  const metrics = await fetch(`http://${server.adminAddress}/metrics`);
  expect(metrics.headers.get("content-type")).toContain("text/plain");
  const text = await metrics.text();
  for (const line of [
    "duetkv_revision 1",
    "duetkv_entries 1",
    "duetkv_log_writable 1",
    'duetkv_calls_total{method="put",protocol="rest",code="ok"} 1',
    'duetkv_calls_total{method="get",protocol="rest",code="not_found"} 1',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  expect((await fetch(`http://${server.adminAddress}/nothing`)).status).toBe(404);
  expect((await fetch(`http://${server.adminAddress}/livez`, { method: "POST" })).status).toBe(405);
  // The service itself is not there, nor the probes on the service's port.
  expect((await fetch(`http://${server.adminAddress}/v1/key/a`)).status).toBe(404);
  expect((await fetch(`http://${server.address}/metrics`)).status).toBe(404);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s under load: finishes, and keeps all it acknowledged",
  async (signal) => {
    const log = await fileLog();
    const server = await start(...log);
    const acknowledged = new Map<string, bigint>();
    const failures: unknown[] = [];
    let stopped: ReturnType<ServerProcess["stop"]> | undefined;
    await withClients(server.address, async (clients) => {
      const writers = Array.from({ length: 60 }, async (_, index) => {
        const client = clients[index % clients.length] as KeyValueClient;
        try {
          for (let call = 0; ; call++) {
            const key = `writer ${index}, call ${call}`;
            acknowledged.set(key, (await client.put({ key, value: key })).revision);
            if (acknowledged.size >= 500) stopped ??= server.stop(signal);
          }
        } catch (error) {
          failures.push(stopped === undefined ? `too early: ${String(error)}` : error);
        }
      });
      await Promise.all(writers);
    });
    expect(failures.filter((failure) => !isEndOfService(failure))).toEqual([]);
    expect(await stopped).toBe(0);

    const again = await start(...log);
    await withClients(again.address, async ([client]) => {
      const revisions = new Map<string, bigint>();
      for (let pageToken = ""; ; ) {
        const page = await (client as KeyValueClient).list({ pageToken });
        for (const { key, revision } of page.entries) revisions.set(key, revision);
        pageToken = page.nextPageToken;
        if (pageToken === "") break;
      }
      for (const [key, revision] of acknowledged) expect([key, revisions.get(key)]).toEqual([key, revision]);
    });
    expect(await again.stop()).toBe(0);
  },
);

/** Unavailable in the words of the protocol, or a connection that is closed or refused. */
function isEndOfService(failure: unknown): boolean {
  if (!(failure instanceof CallFailure)) {
    return ["ECONNREFUSED", "ECONNRESET"].includes(String((failure as NodeJS.ErrnoException).code));
  }
  // A call that came too late and was never begun; Connect's client takes it for an internal error.
  return failure.code === "unavailable" || String(failure.cause).includes("NGHTTP2_REFUSED_STREAM");
}

test("while it drains it is alive, not ready, and accepts no connections; a running call finishes", async () => {
  const server = await start("--log", "memory:");
  const client = openClient("gRPC by grpc-js", server.address);
  onTestFinished(() => client.close());
  const { revision } = await client.put({ key: "a", value: "x" });
  // A read that waits for the next revision: a call that runs until somebody writes, or until the server stops.
  const waiting = client.get({ key: "a", minRevision: revision + 1n }).then(
    () => "answered",
    (error: CallFailure) => error.code,
  );
  // A request whose body has not come in full is a running call too, and keeps the server draining.
  const upload = await beginUpload(server.address, "slow");
  upload.request.write("first, ");
  const stopped = server.stop();
  await untilStatus(server, 503);
  expect(await (await fetch(`http://${server.adminAddress}/readyz`)).text()).toBe("draining\n");
  expect((await fetch(`http://${server.adminAddress}/livez`)).status).toBe(200);
  expect(await acceptsConnections(server.address)).toBe(false);
  upload.request.end("second");
  expect(await upload.status).toBe(201);
  expect(await waiting).toBe("unavailable");
  expect(await stopped).toBe(0);
});

test.each(protocols)("a watch over %s ends with unavailable and its last revision", async (protocol) => {
  const server = await start("--log", "memory:");
  const client = openClient(protocol, server.address);
  onTestFinished(() => client.close());
  const { revision } = await client.put({ key: "a", value: "x" });
  const watch = client.watch({}, new AbortController().signal)[Symbol.asyncIterator]();
  expect((await watch.next()).value).toMatchObject({ revision });
  const stopped = server.stop();
  await expect(watch.next()).rejects.toMatchObject({
    code: "unavailable",
    reason: "SHUTTING_DOWN",
    metadata: { last_revision: String(revision) },
  });
  expect(await stopped).toBe(0);
});

test("a second signal ends it at once", async () => {
  const server = await start("--log", "memory:");
  // A request that never ends would hold it for as long as it waits for running calls.
  const upload = await beginUpload(server.address, "slow");
  const stopped = server.stop();
  await untilStatus(server, 503);
  process.kill(server.pid, "SIGINT");
  expect(await stopped).toBe(1);
  await expect(upload.status).rejects.toThrow("socket hang up");
});

test("a log in memory is logged as a warning at startup, and ends with the process", async () => {
  const server = await start("--log", "memory:");
  const warning = server.lines.map((line) => JSON.parse(line)).find(({ level }) => level === 40);
  expect(warning).toMatchObject({ msg: expect.stringContaining("memory") });
  await fetch(`http://${server.address}/v1/key/a`, { method: "PUT", body: "x" });
  expect(await server.stop()).toBe(0);
  const again = await start("--log", "memory:");
  expect((await fetch(`http://${again.address}/v1/key/a`)).status).toBe(404);
});

async function untilStatus(server: ServerProcess, status: number): Promise<void> {
  while ((await fetch(`http://${server.adminAddress}/readyz`)).status !== status);
}
