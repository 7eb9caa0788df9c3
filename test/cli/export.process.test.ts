import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type CliResult, runCli } from "./run-cli.ts";

/** One to export from, and one to import into. */
let [source, target]: ServerProcess[] = [];

beforeAll(async () => {
  [source, target] = await Promise.all([startServer(), startServer()]);
  const puts = Array.from({ length: 1200 }, (_, index) => ({ key: `e/${index}`, value: `value ${index}` }));
  const odd = [
    { key: "e/bytes", bytesValue: "AAH/" },
    { key: "e/empty", value: "" },
    { key: "e/ttl", value: "x", ttl: "1000s" },
    { key: "e/\uffff", value: "ÿ" },
    { key: "e/𝒳\n", value: "\u0000\n" },
    { key: "other", value: "x" },
  ];
  await commit(source, puts.slice(0, 900));
  await commit(source, [...puts.slice(900), ...odd]);
});

afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop()]);
});

function startServer(): Promise<ServerProcess> {
  return startServerProcess(["--log", "memory:"]);
}

async function commit(server: ServerProcess | undefined, puts: readonly object[]): Promise<void> {
  const response = await fetch(`http://${server?.address}/v1/key:commit`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mutations: puts.map((put) => ({ put })) }),
  });
  expect(response.status).toBe(200);
}

async function onSource(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { address: source?.address as string });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.toString();
}

function onTarget(args: readonly string[], input = ""): Promise<CliResult> {
  return runCli(args, { address: target?.address as string, input });
}

async function clearTarget(): Promise<void> {
  expect((await onTarget(["del", "--prefix", "", "--all", "--yes"])).code).toBe(0);
}

/** The end record of an export of the target. */
async function endOf(prefix: string): Promise<{ count: number; sha256: string }> {
  const { stdout } = await onTarget(["export", "--prefix", prefix]);
  return JSON.parse(stdout.toString().trimEnd().split("\n").at(-1) as string).end;
}

function endRecord(text: string): { count: number; sha256: string; prefix: string; revision: string } {
  return JSON.parse(text.trimEnd().split("\n").at(-1) as string).end;
}

test("an error of the operating system is a message", async () => {
  const { code, stderr } = await onTarget(["import", await temporaryDirectory()]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "duetkv: illegal operation on a directory, read (EISDIR)\n",
  });
});

test("an export of several revisions ends with 9 and can be imported", async () => {
  const entry = (key: string) => ({ key, value: "x", revision: "5" });
  const pages = [
    { revision: "7", count: "3", entries: [], prefixes: [], nextPageToken: "" },
    { revision: "7", entries: [entry("m/a")], prefixes: [], nextPageToken: "1" },
    { revision: "9", entries: [entry("m/b")], prefixes: [], nextPageToken: "2" },
    { revision: "12", entries: [entry("m/c")], prefixes: [], nextPageToken: "" },
  ];
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.end(JSON.stringify(pages.shift())));
  });
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stdout, stderr } = await runCli(["export", "--prefix", "m/"], { address });
  expect(code).toBe(9);
  expect(stderr).toBe(
    "duetkv: the history no longer has revision 7; the other entries are of later revisions\n" +
      "duetkv: the export is complete, but has entries of several revisions, from 7 to 12 (REVISIONS_MIXED)\n" +
      "Export again while fewer entries change, or with a longer history: --watch-history-events-max of the server. " +
      "A backup is always of one revision: duetkv snapshot save.\n",
  );
  expect(endRecord(stdout.toString())).toMatchObject({ count: 3, firstRevision: "7", revision: "12" });
  expect((await onTarget(["import"], stdout.toString())).code).toBe(0);
  expect((await onTarget(["ls", "m/"])).stdout.toString()).toBe("m/a\nm/b\nm/c\n");
});

test("an export and import keeps entries and their times to live", async () => {
  const text = await onSource("export", "--prefix", "e/");
  expect(endRecord(text)).toEqual({ count: 1205, sha256: expect.any(String), prefix: "e/", revision: "2" });
  await clearTarget();
  const { code, stdout } = await onTarget(["import", "-", "--json"], text);
  expect({ code, counts: JSON.parse(stdout.toString()) }).toEqual({
    code: 0,
    counts: { imported: 1205, skipped: 0, deleted: 0 },
  });
  const { count, sha256 } = endRecord(text);
  expect(await endOf("e/")).toMatchObject({ count, sha256 });
  const { expireTime } = JSON.parse((await onTarget(["get", "e/ttl", "--json"])).stdout.toString());
  const left = Date.parse(expireTime) - Date.now();
  expect(left).toBeGreaterThan(500_000);
  expect(left).toBeLessThanOrEqual(1_001_000);
});

test("a mirror writes differences, deletes missing keys, and changes nothing else", async () => {
  const text = await onSource("export", "--prefix", "e/");
  await clearTarget();
  await commit(target, [
    { key: "e/1", value: "value 1" },
    { key: "e/2", value: "another" },
    { key: "e/22x", value: "gone" },
    { key: "e/~", value: "gone" },
    { key: "d", value: "stays" },
    { key: "f", value: "stays" },
  ]);
  const { code, stderr } = await onTarget(["import", "--mode", "mirror"], text);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "imported 1204, skipped 1, deleted 2\n" });
  const { count, sha256 } = endRecord(text);
  expect(await endOf("e/")).toMatchObject({ count, sha256 });
  expect((await onTarget(["ls"])).stdout.toString()).toBe("d\ne/\nf\n");
});

test("create keeps existing entries, and --to-prefix replaces the export's prefix", async () => {
  const text = await onSource("export", "--prefix", "e/");
  await clearTarget();
  await commit(target, [{ key: "copy/1", value: "mine" }]);
  expect(await onTarget(["import", "--to-prefix", "copy/", "--mode", "create"], text)).toMatchObject({
    code: 0,
    stderr: "imported 1204, skipped 1, deleted 0\n",
  });
  expect((await onTarget(["get", "copy/1"])).stdout.toString()).toBe("mine");
  expect((await onTarget(["get", "copy/bytes"])).stdout).toEqual(Buffer.from([0, 1, 0xff]));
  expect((await onTarget(["ls"])).stdout.toString()).toBe("copy/\n");
});

test("an export that is cut or changed is refused with 9, wherever it is cut", async () => {
  const text = await onSource("export", "--prefix", "e/1");
  const lines = text.trimEnd().split("\n");
  const damaged = [
    "",
    lines.slice(0, -1).join("\n"),
    text.slice(0, Math.floor(text.length / 2)),
    text.slice(0, -20),
    lines.toSpliced(3, 1).join("\n"),
    text.replace("value 10", "value 99"),
    `${text}${lines[0]}\n`,
  ];
  for (const input of damaged) {
    const { code, stderr } = await onTarget(["import"], input);
    expect({ code, stderr }).toEqual({ code: 9, stderr: expect.stringContaining("the export is damaged: ") });
  }
  await clearTarget();
  await commit(target, [{ key: "e/x", value: "stays" }]);
  for (const input of damaged) {
    expect((await onTarget(["import", "--mode", "mirror", "--prefix", "e/"], input)).code).toBe(9);
  }
  expect((await onTarget(["ls", "--recursive"])).stdout.toString()).toBe("e/x\n");
  expect((await onTarget(["import"], '{"neither":1}\n')).code).toBe(2);
});

test("an interrupted import resumes", async () => {
  const directory = await temporaryDirectory();
  const [file, state] = [join(directory, "export"), join(directory, "state")];
  const text = await onSource("export", "--prefix", "e/");
  const lines = text.trimEnd().split("\n");
  await clearTarget();
  // The end of the stream is an interruption too.
  await writeFile(file, `${lines.slice(0, 700).join("\n")}\n`);
  expect((await onTarget(["import", file, "--resume", state, "--batch", "100"])).code).toBe(9);
  expect(JSON.parse(await readFile(state, "utf8"))).toMatchObject({ count: 700 });

  await writeFile(file, lines.with(5, lines[5]?.replace("value", "wrong") as string).join("\n"));
  expect(await onTarget(["import", file, "--resume", state])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is the state of another import"),
  });

  await writeFile(file, text);
  expect(await onTarget(["import", file, "--resume", state, "--mode", "create"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--resume needs --mode put"),
  });
  expect(await onTarget(["import", file, "--resume", state])).toMatchObject({
    code: 0,
    stderr: "imported 505, skipped 0, deleted 0\n",
  });
  const { count, sha256 } = endRecord(text);
  expect(await endOf("e/")).toMatchObject({ count, sha256 });
  expect(existsSync(state)).toBe(false);
});

test("an import stores values that take more in JSON than a request may have", async () => {
  const zeros = "\0".repeat(1024 * 1024);
  const keys = ["zeros/a", "zeros/b/../?%#", "zeros/c"];
  for (const key of keys) {
    const path = `${encodeURIComponent(key)}${key === "zeros/c" ? "?ttl=900s" : ""}`;
    const url = `http://${source?.address}/v1/key/${path}`;
    expect((await fetch(url, { method: "PUT", body: zeros })).status).toBe(201);
  }
  const text = await onSource("export", "--prefix", "zeros/");
  await clearTarget();
  await commit(target, [{ key: "zeros/a", value: "mine" }]);
  expect(await onTarget(["import", "--mode", "create"], text)).toMatchObject({
    code: 0,
    stderr: "imported 2, skipped 1, deleted 0\n",
  });
  expect((await onTarget(["get", "zeros/a"])).stdout.toString()).toBe("mine");
  const { expireTime, value } = JSON.parse((await onTarget(["get", "zeros/c", "--json"])).stdout.toString());
  expect([value === zeros, Date.parse(expireTime) - Date.now() > 600_000]).toEqual([true, true]);
  expect((await onTarget(["import"], text)).code).toBe(0);
  const { count, sha256 } = endRecord(text);
  expect(await endOf("zeros/")).toMatchObject({ count, sha256 });
});

test("a put of a value that takes more in JSON than a request may have keeps its conditions", async () => {
  const zeros = "\0".repeat(1024 * 1024);
  const put = (...flags: string[]) => onTarget(["put", "zeros/put", ...flags], zeros);
  await clearTarget();
  const { code, stderr } = await put("--if-new");
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^revision \d+\n$/) });
  const revision = stderr.trim().slice("revision ".length);
  expect((await put("--if-new")).code).toBe(4);
  expect((await put("--if-revision", "123456")).code).toBe(4);
  const { stdout } = await put("--if-revision", revision, "--ttl", "90s", "--json");
  expect(JSON.parse(stdout.toString())).toMatchObject({
    entry: { key: "zeros/put", version: "2", expireTime: expect.any(String) },
  });
  const { value } = JSON.parse((await onTarget(["get", "zeros/put", "--json"])).stdout.toString());
  expect(value === zeros).toBe(true);
});
