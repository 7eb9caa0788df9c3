import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/ports.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { runCli, startCli } from "./run-cli.ts";

/** A watch that runs, with what it has printed so far. */
function startWatch(address: string, args: readonly string[]) {
  const child = startCli(["watch", ...args], { address });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "close");
  const watch = { child, ended, lines: [] as string[], stderr: "" };
  createInterface(child.stdout).on("line", (line) => watch.lines.push(line));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    watch.stderr += text;
  });
  return watch;
}

async function put(address: string, key: string, value: string): Promise<void> {
  const response = await fetch(`http://${address}/v1/key/${key}`, { method: "PUT", body: value });
  expect(response.status).toBe(201);
}

async function startStore(directory: string, listen = "127.0.0.1:0") {
  const server = await startServerProcess(["--log", `file:${directory}`, "--listen", listen]);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  return server;
}

/** The keys of the events that have come. */
function keysOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) =>
    JSON.parse(line).events.map(({ entry }: { entry: { key: string } }) => entry.key),
  );
}

test("a watch continues after its server was killed, and shows each change once", async () => {
  const directory = await temporaryDirectory();
  const first = await startStore(directory, `127.0.0.1:${await freePort()}`);
  const watch = startWatch(first.address, ["--json"]);
  await until(() => watch.lines.length > 0);
  await put(first.address, "one", "1");
  await until(() => keysOf(watch.lines).length === 1);
  await first.stop("SIGKILL");
  await until(() => watch.stderr.includes("the watch was interrupted"));

  // Changes that happen while the watch is not connected, too.
  const second = await startStore(directory);
  await put(second.address, "two", "2");
  await second.stop("SIGKILL");
  const third = await startStore(directory, first.address);
  await until(() => keysOf(watch.lines).length === 2);
  await put(third.address, "three", "3");
  await until(() => keysOf(watch.lines).length === 3);
  expect(keysOf(watch.lines)).toEqual(["one", "two", "three"]);
  expect(watch.stderr).toContain("resuming after revision 1");

  watch.child.kill("SIGINT");
  expect(await watch.ended).toEqual([130, null]);
});

test("a watch prints a line for each change, and runs a command for one after the other", async () => {
  const server = await startStore(await temporaryDirectory());
  await put(server.address, "a", "hello");
  await fetch(`http://${server.address}/v1/key/a`, { method: "DELETE" });
  await put(server.address, "a", "again");
  const lines = startWatch(server.address, ["a", "--from", "0"]);
  await until(() => lines.lines.length === 3);
  const time = String.raw`^\d\d:\d\d:\d\d `;
  expect(lines.lines[0]).toMatch(new RegExp(`${time}PUT a rev 1 5 B$`));
  expect(lines.lines[1]).toMatch(new RegExp(`${time}DELETE a rev 2$`));

  const script = "echo $DUETKV_TYPE $DUETKV_KEY $DUETKV_REVISION $(cat); exit 3";
  const commands = startWatch(server.address, ["a", "--from", "0", "--", "sh", "-c", script]);
  await until(() => commands.lines.length === 3);
  expect(commands.lines).toEqual(["PUT a 1 hello", "DELETE a 2", "PUT a 3 again"]);
  await until(() => commands.stderr.includes("the command exited with 3 at revision 3"));

  const existing = startWatch(server.address, ["--prefix", "a", "--existing"]);
  await until(() => existing.lines.length === 1);
  expect(existing.lines[0]).toMatch(new RegExp(`${time}PUT a rev 3 5 B$`));
});

test("a watch from a compacted revision fails with REVISION_COMPACTED", async () => {
  const server = await startServerProcess(["--log", "memory:", "--watch-history-events-max", "2"]);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  for (const key of ["a", "b", "c", "d"]) await put(server.address, key, key);
  const { code, stderr } = await runCli(["watch", "--from", "0"], { address: server.address });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(
      /^duetkv: .*\(REVISION_COMPACTED\)\nStart at a later revision, or start over/,
    ),
  });
});
