import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

test("SIGHUP and SIGUSR1 neither end the process nor open a debugger", async () => {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(() => void server.stop("SIGKILL"));
  process.kill(server.pid, "SIGHUP");
  process.kill(server.pid, "SIGUSR1");
  const logged = () => server.lines.map((line) => JSON.parse(line)).flatMap(({ signal }) => signal ?? []);
  await until(() => expect(logged()).toEqual(expect.arrayContaining(["SIGHUP", "SIGUSR1"])));
  expect((await fetch(`http://${server.address}/v1/key`)).status).toBe(200);
  expect((await openPorts(server.pid)).length).toBe(2);
  expect(await server.stop()).toBe(0);
});

/** The sockets on which a process listens. */
async function openPorts(pid: number): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ss", ["-ltnpH"]);
  return stdout.split("\n").filter((line) => line.includes(`pid=${pid},`));
}

test("within --drain-delay probes fail and calls are taken; a second signal ends the process", async () => {
  const server = await startServerProcess(["--log", "memory:", "--drain-delay", "1h"]);
  onTestFinished(() => void server.stop("SIGKILL"));
  const stopped = server.stop();
  const ready = async () => (await fetch(`http://${server.adminAddress}/readyz`)).status;
  await until(async () => (await ready()) === 503);
  expect((await fetch(`http://${server.address}/v1/key`)).status).toBe(200);
  process.kill(server.pid, "SIGTERM");
  expect(await stopped).toBe(1);
});

test("the process ends in order when --drain-delay is over", async () => {
  const server = await startServerProcess(["--log", "memory:", "--drain-delay", "1s"]);
  expect(await server.stop()).toBe(0);
  const time = (event: string) =>
    server.lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === event).time;
  expect(time("stopped") - time("stopping")).toBeGreaterThanOrEqual(990);
});
