import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";

test("SIGHUP and SIGUSR1 neither end the process nor open a debugger", async () => {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(() => void server.stop("SIGKILL"));
  process.kill(server.pid, "SIGHUP");
  process.kill(server.pid, "SIGUSR1");
  const ignored = () =>
    server.lines
      .map((line) => JSON.parse(line))
      .flatMap(({ msg, signal }) => (msg === "signal ignored" ? signal : []));
  await expect.poll(ignored, { timeout: 30_000 }).toEqual(expect.arrayContaining(["SIGHUP", "SIGUSR1"]));
  expect((await fetch(`http://${server.address}/v1/key`)).status).toBe(200);
  expect((await openPorts(server.pid)).length).toBe(2);
  expect(await server.stop()).toBe(0);
});

/** The sockets on which a process listens. */
async function openPorts(pid: number): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ss", ["-ltnpH"]);
  return stdout.split("\n").filter((line) => line.includes(`pid=${pid},`));
}
