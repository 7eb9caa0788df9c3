import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/ports.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { runCli, startCli } from "./run-cli.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

async function startServer(...flags: readonly string[]): Promise<ServerProcess> {
  const server = await startServerProcess(flags);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  return server;
}

test("a call waits for a server that was killed and starts again, and happens once", async () => {
  const log = ["--log", `file:${await temporaryDirectory()}`];
  const address = `127.0.0.1:${await freePort()}`;
  const first = await startServer(...log, "--listen", address);
  expect((await runCli(["put", "a", "1"], { address })).code).toBe(0);
  await first.stop("SIGKILL");
  const patient = ["--timeout", "200s"];
  const calls = [
    runCli(["put", "b", "2", "--if-new", "--json", ...patient], { address }),
    runCli(["get", "a", ...patient], { address }),
    runCli(["ls", "--json", ...patient], { address }),
  ];
  await startServer(...log, "--listen", address);
  const [put, get, ls] = await Promise.all(calls);
  expect(JSON.parse(String(put?.stdout))).toMatchObject({ entry: { version: "1" } });
  expect({ code: get?.code, value: String(get?.stdout) }).toEqual({ code: 0, value: "1" });
  expect(ls?.code).toBe(0);
});

test("a partition leaves the outcome of a write unknown, and that of a read known", async () => {
  const server = await startServer("--log", "memory:");
  const proxy = await startTcpProxy(server.address);
  const duetkv = (...args: string[]) => runCli([...args, "--timeout", "500ms"], { address: proxy.address });
  expect((await runCli(["put", "a", "1"], { address: proxy.address })).code).toBe(0);
  proxy.partition();
  expect(await duetkv("put", "a", "2")).toMatchObject({
    code: 7,
    stderr: expect.stringMatching(/\(DEADLINE_EXCEEDED\)\nThe write may or may not have happened\./),
  });
  expect(await duetkv("get", "a")).toMatchObject({ code: 6 });
  expect(await duetkv("watch", "a")).toMatchObject({ code: 6 });
  proxy.heal();
  expect((await runCli(["get", "a"], { address: proxy.address })).stdout.toString()).toBe("1");
});

test("another server is called when one does not respond", async () => {
  const server = await startServer("--log", "memory:");
  const silent = await startTcpProxy(server.address);
  silent.partition();
  const address = `${silent.address},${server.address}`;
  const put = await runCli(["put", "a", "1", "--if-new", "--timeout", "10s", "--json"], { address });
  expect(put).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(put.stdout.toString())).toMatchObject({ entry: { version: "1" } });
  expect((await runCli(["get", "a", "--timeout", "10s"], { address })).stdout.toString()).toBe("1");
});

test("a lock behind a partition is given up before another process gets it", async () => {
  const server = await startServer("--log", "memory:");
  const proxy = await startTcpProxy(server.address);
  const script = "trap 'echo ended; exit 0' TERM; echo up; while :; do sleep 0.1; done";
  const flags = ["--ttl", "2s", "--timeout", "30s"];
  const holder = startCli(["lock", "l", ...flags, "--", "sh", "-c", script], { address: proxy.address });
  onTestFinished(() => void holder.kill("SIGKILL"));
  const ended = once(holder, "close");
  const lines: string[] = [];
  createInterface(holder.stdout).on("line", (line) => lines.push(line));
  await until(() => lines.length === 1);
  const next = startCli(["lock", "l", "--", "echo", "mine"], { address: server.address });
  const mine = once(next.stdout, "data");
  proxy.partition();
  await mine;
  // The child has had its signal while the lock was still held.
  expect(await ended).toEqual([75, null]);
  expect(lines).toEqual(["up", "ended"]);
});
