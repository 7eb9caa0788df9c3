import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type CliResult, runCli } from "./run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
  for (const key of ["a", "b"]) await duetkv("put", key, key.repeat(100_000));
  await duetkv("del", "a");
});

afterAll(async () => {
  await server.stop();
});

function duetkv(...args: string[]): Promise<CliResult> {
  return runCli(args, { address: server.address });
}

test("a backup is saved, verified, and restored into a new log", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "backup");
  const saved = await duetkv("snapshot", "save", file, "--json");
  const summary = JSON.parse(saved.stdout.toString());
  const status = JSON.parse((await duetkv("status", "--json")).stdout.toString());
  expect(summary).toMatchObject({ revision: 3, entries: 1, hash: status.stateHash });
  expect(await readdir(directory)).toEqual(["backup"]);
  const text = expect.stringMatching(/^revision 3, 1 entries, 97\.\d KiB, hash [0-9a-f]+\n$/);
  const verified = await duetkv("snapshot", "verify", file, "--server", server.address);
  expect({ ...verified, stdout: verified.stdout.toString() }).toEqual({ code: 0, stdout: text, stderr: "" });
  // Written through a pipe it is the same.
  expect((await duetkv("snapshot", "save", "-")).stdout).toEqual(await readFile(file));

  const log = `file:${join(directory, "data")}`;
  const restored = await runCli(["snapshot", "restore", file, "--log", log]);
  expect(restored).toMatchObject({ code: 0, stderr: "" });
  expect(restored.stdout.toString()).toMatch(/; the log begins at revision 1\d{15}\n/);
  const other = await startServerProcess(["--log", log]);
  onTestFinished(async () => void (await other.stop()));
  const value = await runCli(["get", "b"], { address: other.address });
  expect(value.stdout.toString()).toBe("b".repeat(100_000));
  await other.stop();
  const again = await runCli(["snapshot", "restore", file, "--log", log]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("(LOG_NOT_EMPTY)") });
});

test("a backup does not take the place of a device or a pipe", async () => {
  const pipe = join(await temporaryDirectory(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const saved = await duetkv("snapshot", "save", pipe);
  expect(saved).toMatchObject({ code: 2, stderr: expect.stringContaining("is not a file") });
  expect((await stat(pipe)).isFIFO()).toBe(true);
});

test("a backup that is cut is refused with 9, and one of another state is noticed", async () => {
  const file = join(await temporaryDirectory(), "backup");
  expect((await duetkv("snapshot", "save", file)).code).toBe(0);
  await duetkv("put", "c", "x");
  const behind = await duetkv("snapshot", "verify", file, "--server", server.address);
  expect(behind).toMatchObject({ code: 0, stderr: expect.stringContaining("the hashes were not compared") });
  const other = await startServerProcess(["--log", "memory:"]);
  onTestFinished(async () => void (await other.stop()));
  for (const key of ["x", "y", "z"]) await runCli(["put", key, "z"], { address: other.address });
  expect(await duetkv("snapshot", "verify", file, "--server", other.address)).toMatchObject({
    code: 9,
    stderr: expect.stringContaining("(HASH_MISMATCH)"),
  });
  await truncate(file, 50_000);
  const log = `file:${join(await temporaryDirectory(), "data")}`;
  expect((await duetkv("snapshot", "verify", file)).code).toBe(9);
  expect((await duetkv("snapshot", "restore", file, "--log", log)).code).toBe(9);
  expect((await duetkv("snapshot", "verify", "/none")).code).toBe(2);
  expect((await duetkv("snapshot", "restore", file)).code).toBe(2);
});

test("a download that is cut leaves nothing under the name of the backup", async () => {
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  const cutting = createServer((socket) => socket.once("data", () => socket.end(head)));
  onTestFinished(() => void cutting.close());
  await new Promise<void>((resolve) => cutting.listen(0, "127.0.0.1", resolve));
  const { port } = cutting.address() as { port: number };
  const file = join(await temporaryDirectory(), "backup");
  await writeFile(`${file}.partial`, "of an earlier one");
  const { code, stderr } = await runCli(["snapshot", "save", file], { address: `127.0.0.1:${port}` });
  expect({ code, stderr }).toEqual({ code: 9, stderr: expect.stringContaining("(SNAPSHOT_CUT)") });
  expect([file, `${file}.partial`].map(existsSync)).toEqual([false, false]);
});

test("touch renews a time to live, and ends it", async () => {
  await duetkv("put", "t", "x", "--ttl", "60s");
  const { revision } = JSON.parse((await duetkv("get", "t", "--json")).stdout.toString());
  const renewed = await duetkv("touch", "t", "--ttl", "1000s", "--if-revision", revision);
  expect({ code: renewed.code, stdout: renewed.stdout.toString() }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^expires \d\d:\d\d:\d\d\n$/),
  });
  expect((await duetkv("touch", "t", "--permanent")).stdout.toString()).toBe("permanent\n");
  const entry = JSON.parse((await duetkv("get", "t", "--json")).stdout.toString());
  expect(entry).toMatchObject({ revision, value: "x" });
  expect(entry.expireTime).toBeUndefined();
  expect((await duetkv("touch", "t", "--ttl", "60s", "--if-revision", "1")).code).toBe(4);
  expect((await duetkv("touch", "none", "--ttl", "60s")).code).toBe(3);
  expect((await duetkv("touch", "t")).code).toBe(2);
});
