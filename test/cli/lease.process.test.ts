import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { type CliResult, runCli, startCli } from "./run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

function duetkv(...args: string[]): Promise<CliResult> {
  return runCli(args, { address: server.address });
}

/** A command that runs on, with what it has printed so far. */
function start(...args: string[]) {
  const child = startCli(args, { address: server.address });
  onTestFinished(() => void child.kill("SIGKILL"));
  const running = { child, ended: once(child, "close"), lines: [] as string[] };
  createInterface(child.stdout).on("line", (line) => running.lines.push(line));
  return running;
}

test("a lock is held while a command runs, which has its fence, and the exit code is the command's", async () => {
  const first = await duetkv("lock", "l", "--", "sh", "-c", "echo $DUETKV_FENCE; exit 3");
  expect(first).toMatchObject({ code: 3, stderr: "" });
  const second = await duetkv("lock", "l", "--", "sh", "-c", "echo $DUETKV_FENCE");
  expect(second.code).toBe(0);
  expect(Number(second.stdout)).toBeGreaterThan(Number(first.stdout));
  expect((await duetkv("get", "l")).code).toBe(3);
  expect((await duetkv("lock", "l", "--", "/none")).code).toBe(1);
  expect((await duetkv("get", "l")).code).toBe(3);
  expect((await duetkv("lock", "l")).code).toBe(2);
});

test("a lock that is held is waited for, and renewed meanwhile with the same fence", async () => {
  const holder = start(
    "lock",
    "w",
    "--ttl",
    "1s",
    "--",
    "sh",
    "-c",
    "echo $DUETKV_FENCE; read line; echo $line",
  );
  await until(() => holder.lines.length === 1);
  const refused = await duetkv("lock", "w", "--wait", "2500ms", "--", "true");
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining("(LOCK_HELD)") });
  const entry = JSON.parse((await duetkv("get", "w", "--json")).stdout.toString());
  expect(entry.revision).toBe(holder.lines[0]);
  const next = start("lock", "w", "--", "echo", "mine");
  holder.child.stdin.write("done\n");
  expect(await holder.ended).toEqual([0, null]);
  expect(await next.ended).toEqual([0, null]);
  expect([holder.lines[1], next.lines[0]]).toEqual(["done", "mine"]);
});

test("a command whose lock is lost is ended, by force if it must be", async () => {
  const script = "trap '' TERM; echo up; while :; do sleep 0.1; done";
  const flags = ["--ttl", "1s", "--kill-after", "100ms"];
  const holder = start("lock", "x", ...flags, "--", "sh", "-c", script);
  await until(() => holder.lines.length === 1);
  await duetkv("put", "x", "taken");
  expect(await holder.ended).toEqual([75, null]);
  expect((await duetkv("get", "x")).stdout.toString()).toBe("taken");
});

test("the processes that a command has started end with it when the lock is lost", async () => {
  const released = join(await temporaryDirectory(), "released");
  const inner = `trap '' TERM; echo up; until [ -e ${released} ]; do sleep 0.1; done; echo outlived`;
  const flags = ["--ttl", "1s", "--kill-after", "100ms"];
  const holder = start("lock", "group", ...flags, "--", "sh", "-c", 'sh -c "$0" & wait', inner);
  await until(() => holder.lines.length === 1);
  const exited = once(holder.child, "exit");
  await duetkv("put", "group", "taken");
  expect(await exited).toEqual([75, null]);
  await writeFile(released, "");
  // The output ends with the last process that writes to it.
  await holder.ended;
  expect(holder.lines).toEqual(["up"]);
});

test("a signal reaches the processes that a command has started", async () => {
  const inner = "trap 'echo ended; exit' TERM; echo up; for i in $(seq 600); do sleep 0.1; done";
  const holder = start("lock", "signals", "--", "sh", "-c", 'trap : TERM; sh -c "$0"; exit 5', inner);
  await until(() => holder.lines.length === 1);
  holder.child.kill("SIGTERM");
  expect(await holder.ended).toEqual([5, null]);
  expect(holder.lines).toEqual(["up", "ended"]);
});

test.skipIf(!hasPrograms("ps"))("a command is stopped and continued together with its lock", async () => {
  const holder = start("lock", "stop", "--", "sh", "-c", "echo $$; read line; echo $line");
  await until(() => holder.lines.length === 1);
  const stateOf = (pid: unknown) => spawnSync("ps", ["-o", "stat=", "-p", String(pid)]).stdout.toString();
  holder.child.kill("SIGTSTP");
  await until(() => stateOf(holder.lines[0]).startsWith("T") && stateOf(holder.child.pid).startsWith("T"));
  holder.child.kill("SIGCONT");
  await until(() => !stateOf(holder.lines[0]).startsWith("T"));
  holder.child.stdin.write("done\n");
  expect(await holder.ended).toEqual([0, null]);
  expect(holder.lines[1]).toBe("done");
});

test("a command whose lock is lost is ended also when nobody reads the messages", async () => {
  const script = "trap '' TERM; echo up; while :; do sleep 0.1; done";
  const holder = start("lock", "y", "--ttl", "1s", "--kill-after", "100ms", "--", "sh", "-c", script);
  holder.child.stderr.destroy();
  await until(() => holder.lines.length === 1);
  await duetkv("del", "y");
  // Its output ends with the command.
  expect(await holder.ended).toEqual([75, null]);
});

test("one leader follows the other, and observers see each", async () => {
  const observer = start("observe", "e");
  await until(() => observer.lines.length === 1);
  const first = start("elect", "e", "one");
  await until(() => first.lines.length === 1);
  const second = start("elect", "e", "two", "--", "sh", "-c", "echo leads");
  await until(() => observer.lines.length === 2);
  first.child.kill("SIGINT");
  expect(await first.ended).toEqual([130, null]);
  expect(await second.ended).toEqual([0, null]);
  expect(second.lines).toEqual(["leads"]);
  await until(() => observer.lines.at(-1) === "no leader" && observer.lines.length >= 4);
  expect(observer.lines[0]).toBe("no leader");
  expect(observer.lines[1]).toMatch(/^one, fence \d+$/);
  expect(observer.lines.at(-2)).toMatch(/^two, fence \d+$/);
  const stopped = start("elect", "e", "three", "--ttl", "1s", "--json");
  await until(() => stopped.lines.length === 1);
  await duetkv("del", "e");
  expect(await stopped.ended).toEqual([75, null]);
  expect(stopped.lines.map((line) => JSON.parse(line).type)).toEqual(["elected", "lost"]);
});
