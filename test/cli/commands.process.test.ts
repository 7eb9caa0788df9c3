import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type CliResult, runCli, startCli } from "./run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:", "--value-bytes-max", "64KiB"]);
});

afterAll(async () => {
  await server.stop();
});

function duetkv(args: readonly string[], input?: string | Uint8Array): Promise<CliResult> {
  return runCli(args, { address: server.address, ...(input !== undefined && { input }) });
}

/** For commands that must succeed. */
async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await duetkv(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.toString();
}

async function objects(...args: string[]): Promise<Record<string, unknown>[]> {
  const lines = (await printed(...args, "--json")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

test("a value comes back byte for byte, as text or as bytes, from an argument, a file or stdin", async () => {
  const bytes = Buffer.concat([randomBytes(1000), Buffer.from([0xff, 0, 10])]);
  const file = join(await temporaryDirectory(), "value");
  await writeFile(file, bytes);
  expect((await duetkv(["put", "v/file", "--file", file])).stderr).toMatch(/^revision \d+\n$/);
  expect((await duetkv(["put", "v/stdin"], bytes)).code).toBe(0);
  expect((await duetkv(["put", "v/text", "-"], "größe\n")).code).toBe(0);
  expect((await duetkv(["put", "v/argument", "größe"])).code).toBe(0);
  expect((await duetkv(["put", "v/bytes", "text", "--bytes"])).code).toBe(0);
  expect((await duetkv(["put", "v/empty", ""])).code).toBe(0);
  expect((await duetkv(["get", "v/file"])).stdout).toEqual(bytes);
  expect((await duetkv(["get", "v/stdin"])).stdout).toEqual(bytes);
  expect(await printed("get", "v/text")).toBe("größe\n");
  expect(await printed("get", "v/argument")).toBe("größe");
  expect(await printed("get", "v/empty")).toBe("");
  expect(await objects("get", "v/bytes")).toMatchObject([{ key: "v/bytes", bytesValue: "dGV4dA==" }]);
  expect(await objects("get", "v/text")).toMatchObject([{ key: "v/text", value: "größe\n", version: "1" }]);
});

test("--json prints the responses of the API, and nothing on stderr", async () => {
  const [put] = await objects("put", "j/a", "x", "--ttl", "90s");
  expect(put).toMatchObject({ entry: { key: "j/a", version: "1", expireTime: expect.any(String) } });
  expect(put).toMatchObject({ revision: (put as { entry: { revision: string } }).entry.revision });
  expect(await objects("del", "j/a", "j/none")).toEqual([
    { key: "j/a", revision: expect.any(String), deleted: true },
    { key: "j/none", revision: expect.any(String), deleted: false },
  ]);
});

test("--quiet prints results only", async () => {
  expect(await printed("put", "q", "x", "--quiet")).toBe("");
  expect(await printed("get", "q", "--quiet")).toBe("x");
});

test("del counts the keys that there were", async () => {
  await printed("put", "d/a", "x", "--quiet");
  expect(await printed("del", "d/a", "d/none")).toBe("deleted 1\n");
  expect(await printed("del", "d/a")).toBe("deleted 0\n");
});

test("del counts what it deleted before a key that fails", async () => {
  await printed("put", "d/b", "x", "--quiet");
  const { code, stdout, stderr } = await duetkv(["del", "d/b", "", "d/c"]);
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 2, stdout: "deleted 1\n" });
  expect(stderr).toContain("(KEY_EMPTY)");
});

test("ls shows one level in the order of UTF-8, and with --recursive all of them", async () => {
  for (const key of ["l/b", "l/b/1", "l/b/2", "l/a\n", "l/𝒳", "l/\uff21/x"]) {
    await printed("put", key, `value of ${key}`, "--quiet");
  }
  expect(await printed("ls", "l/")).toBe('"l/a\\n"\nl/b\nl/b/\nl/\uff21/\nl/𝒳\n');
  expect(await printed("ls", "l/", "--reverse", "--limit", "2")).toBe("l/𝒳\nl/\uff21/\n");
  expect(await printed("ls", "l/b", "--recursive")).toBe("l/b\nl/b/1\nl/b/2\n");
  expect(await printed("ls", "l/b/", "--values")).toBe("l/b/1\tvalue of l/b/1\nl/b/2\tvalue of l/b/2\n");
  expect(await printed("ls", "l/", "--count")).toBe("6\n");
  expect(await printed("ls", "l/b/1", "--long")).toMatch(
    /^ +\d+ +1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}- +l\/b\/1\n$/,
  );
  expect(await objects("ls", "l/b", "--values")).toMatchObject([
    { key: "l/b", value: "value of l/b" },
    { prefix: "l/b/" },
  ]);
  expect(await printed("ls", "none/")).toBe("");
});

test("ls reads all pages", async () => {
  const puts = Array.from({ length: 1003 }, (_, index) => ({
    put: { key: `p/${String(index).padStart(4, "0")}`, value: "x" },
  }));
  for (const mutations of [puts.slice(0, 500), puts.slice(500, 1003)]) {
    const url = `http://${server.address}/v1/key:commit`;
    const headers = { "content-type": "application/json" };
    const { status } = await fetch(url, { method: "POST", headers, body: JSON.stringify({ mutations }) });
    expect(status).toBe(200);
  }
  const keys = (await printed("ls", "p/")).trimEnd().split("\n");
  expect(keys).toEqual(puts.map(({ put }) => put.key));
  expect((await printed("ls", "p/", "--limit", "1001")).trimEnd().split("\n")).toEqual(keys.slice(0, 1001));
});

const table: readonly [name: string, args: string[], code: number, stderr: string][] = [
  ["no such key", ["get", "x/none"], 3, "duetkv: there is no such key (NO_SUCH_KEY)"],
  [
    "another revision",
    ["put", "x/a", "y", "--if-revision", "123456"],
    4,
    "duetkv: the revision is REVISION, not 123456 (REVISION_MISMATCH)",
  ],
  [
    "a revision of no key",
    ["del", "x/none", "--if-revision", "7"],
    4,
    "duetkv: there is no such key; expected revision 7 (REVISION_MISMATCH)",
  ],
  [
    "a key that exists",
    ["put", "x/a", "y", "--if-new"],
    4,
    "duetkv: the key exists, at revision REVISION (KEY_EXISTS)",
  ],
  ["an unknown command", ["none"], 2, 'duetkv: unknown command "none"'],
  ["a missing argument", ["get"], 2, "duetkv: get got too few arguments"],
  [
    "flags that exclude each other",
    ["put", "x/a", "y", "--if-new", "--if-revision", "1"],
    2,
    "duetkv: --if-new and --if-revision exclude each other",
  ],
  ["revision 0", ["put", "x/a", "y", "--if-revision", "0"], 2, "duetkv: 0 is not the revision of an entry"],
  [
    "one revision for many keys",
    ["del", "x/a", "x/b", "--if-revision", "1"],
    2,
    "duetkv: --if-revision needs exactly one key",
  ],
  ["a short time to live", ["put", "x/a", "y", "--ttl", "1ms"], 2, ""],
  ["an empty key", ["get", ""], 2, "duetkv: the key is empty"],
  ["a long key", ["put", "k".repeat(2000), "y"], 8, ""],
  ["a large value", ["put", "x/large", "v".repeat(70_000)], 8, ""],
  ["history that is gone", ["watch", "--from", "999999999999999999"], 2, ""],
  ["a file that is not there", ["put", "x/a", "--file", "/none"], 2, "duetkv: cannot read /none: "],
  [
    "no server",
    ["get", "x/a", "--server", "127.0.0.1:1", "--timeout", "200ms"],
    6,
    "duetkv: cannot reach http://127.0.0.1:1: ",
  ],
  [
    "no such host",
    ["put", "x/a", "y", "--server", "none.invalid:1", "--timeout", "200ms"],
    6,
    "duetkv: cannot reach http://none.invalid:1: ",
  ],
];

test("each kind of failure has its exit code and a message", async () => {
  const [{ revision }] = (await objects("put", "x/a", "x")) as [{ revision: string }];
  for (const [index, [name, args, code, message]] of table.entries()) {
    const expected = message.replace(/REVISION([, ])/, `${revision}$1`);
    // One in two of them in JSON.
    const json = index % 2 === 1;
    const result = await duetkv(json ? [...args, "--json"] : args);
    expect({ name, code: result.code, stdout: result.stdout.toString() }).toEqual({ name, code, stdout: "" });
    if (!json) {
      expect(result.stderr).toContain(expected);
      continue;
    }
    const error = JSON.parse(result.stderr);
    expect(error).toMatchObject({ exitCode: code, reason: expect.stringMatching(/^[A-Z_]+$/) });
    const suffix = error.reason === "USAGE" ? "" : ` (${error.reason})`;
    expect(`duetkv: ${error.message}${suffix}`).toContain(expected);
  }
});

test("another server is tried when one cannot be reached", async () => {
  await printed("put", "s", "x", "--quiet", "--server", "127.0.0.1:1", "--server", server.address);
  expect(await printed("get", "s", "--server", `127.0.0.1:1`, "--server", `http://${server.address}`)).toBe(
    "x",
  );
});

test("a reader that has seen enough ends the command without a message", async () => {
  const child = startCli(["ls", "p/", "--json"], { address: server.address });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
});

test("the help of a command goes to stdout", async () => {
  expect(await printed("get", "--help")).toContain("duetkv get KEY");
});
