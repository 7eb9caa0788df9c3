import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { canTrace, readTrace, type SystemCall, tracedBy } from "../../support/strace.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** What only the system calls of the real process show. */
describe.skipIf(!canTrace())("the process that serves from a file log", () => {
  it("acknowledges a put only when the data and the names of its files are durable", async () => {
    const place = await temporaryDirectory();
    const trace = join(place, "trace");
    const directory = join(place, "data");
    const calls = "openat,?mkdir,mkdirat,?rename,renameat,?renameat2,pwrite64,fsync,fdatasync,write,writev";
    const server = await start(directory, ["-o", trace, "-e", `trace=${calls}`]);
    // More than a segment holds.
    const puts = 20;
    for (let index = 0; index < puts; index++) expect(await put(server, "x".repeat(1_000_000))).toBe(201);
    expect((await readdir(directory)).filter((name) => name.endsWith(".log"))).toHaveLength(2);
    expect(await server.stop()).toBe(0);
    expect(expectDurable(await readTrace(trace), directory)).toBe(puts);
  });

  const errors: readonly (readonly [string, RegExp])[] = [
    // The log tries to recover meanwhile, which fails too.
    ["EIO", /^(a write to|recovery of) the log failed;/],
    ["ENOSPC", /^no space left on the disk/],
  ];
  it.each(errors)(
    "is not ready while writes to the log fail with %s, and reads go on",
    async (error, reason) => {
      const directory = join(await temporaryDirectory(), "data");
      const segment = join(directory, `${"1".padStart(20, "0")}.log`);
      // Writes to the segment fail, and so do those to the copy that would replace it.
      const server = await start(directory, [
        `--trace-path=${segment}`,
        `--trace-path=${segment}.tmp`,
        "--output=/dev/null",
        `--inject=pwrite64:error=${error}`,
      ]);
      expect(await ready(server)).toEqual([200, "ok\n"]);
      expect(await put(server, "x")).toBe(503);
      for (let count = 0; count < 3; count++) {
        expect(await ready(server)).toEqual([503, expect.stringMatching(reason)]);
        expect(await put(server, "x")).toBe(503);
      }
      expect((await fetch(`http://${server.adminAddress}/livez`)).status).toBe(200);
      expect((await fetch(`http://${server.address}/v1/key/a`)).status).toBe(404);
      const metrics = await (await fetch(`http://${server.adminAddress}/metrics`)).text();
      expect(metrics.split("\n")).toContain("duetkv_log_writable 0");
      expect(await server.stop()).toBe(0);
    },
  );
});

async function start(directory: string, args: readonly string[]): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", `file:${directory}`], {}, tracedBy(...args));
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

async function put(server: ServerProcess, body: string): Promise<number> {
  const response = await fetch(`http://${server.address}/v1/key/a`, { method: "PUT", body });
  await response.arrayBuffer();
  return response.status;
}

async function ready(server: ServerProcess): Promise<[number, string]> {
  const response = await fetch(`http://${server.adminAddress}/readyz`);
  return [response.status, await response.text()];
}

/** Replays the trace: at each 201 nothing that was written may be in a cache only. Returns how many there were. */
function expectDurable(calls: readonly SystemCall[], directory: string): number {
  const synchronous = new Set<string>();
  const unsyncedFiles = new Set<string>();
  const unsyncedDirectories = new Set<string>();
  let appends = 0;
  let responses = 0;
  for (const { name, args, result } of calls) {
    const failed = result.startsWith("-1");
    const descriptor = /^(\d+)</.exec(args)?.[1] ?? "";
    if (name === "openat" && !failed) {
      const opened = /^\d+/.exec(result)?.[0] ?? "";
      if (/\bO_D?SYNC\b/.test(args)) synchronous.add(opened);
      else synchronous.delete(opened);
      unsyncedFiles.delete(opened);
    } else if (name.startsWith("mkdir") && !failed) {
      unsyncedDirectories.add(dirname(directory));
    } else if (name.startsWith("rename") && !failed && !args.includes("/reserve.tmp")) {
      // The reserve holds nothing: when it is lost, the next start makes a new one.
      unsyncedDirectories.add(directory);
    } else if (name === "pwrite64" && args.includes(".log>")) {
      appends++;
      if (!synchronous.has(descriptor)) unsyncedFiles.add(descriptor);
    } else if (name === "fsync" || name === "fdatasync") {
      if (failed) continue;
      unsyncedFiles.delete(descriptor);
      unsyncedDirectories.delete(/^\d+<(.*)>$/.exec(args)?.[1] ?? "");
    } else if (args.includes("HTTP/1.1 201")) {
      responses++;
      expect(appends).toBeGreaterThan(0);
      appends = 0;
      expect([...unsyncedFiles]).toEqual([]);
      expect([...unsyncedDirectories]).toEqual([]);
    }
  }
  return responses;
}
