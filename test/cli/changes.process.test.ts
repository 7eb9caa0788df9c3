import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
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

function duetkv(
  args: readonly string[],
  { input = "", environment = {} }: { input?: string; environment?: Record<string, string> } = {},
): Promise<CliResult> {
  return runCli(args, { address: server.address, input, environment });
}

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await duetkv(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.toString();
}

async function putAll(...keys: string[]): Promise<void> {
  for (const key of keys) await printed("put", key, "x", "--quiet");
}

test("a commit changes all or nothing, and prints a line for each mutation", async () => {
  await putAll("c/a", "c/b");
  const commit = JSON.stringify({
    checks: [{ key: "c/new", precondition: { exists: false } }],
    mutations: [
      { put: { key: "c/new", value: "x" } },
      { delete: { key: "c/a" } },
      { delete: { key: "c/none" } },
    ],
  });
  const dry = await duetkv(["commit", "--dry-run"], { input: commit });
  expect(dry).toMatchObject({ code: 0, stderr: "" });
  expect(dry.stdout.toString()).toMatch(
    /^would create c\/new\nwould delete c\/a, rev \d+\nno such key: c\/none\n$/,
  );
  const done = await duetkv(["commit", "-"], { input: commit });
  expect(done).toMatchObject({ code: 0, stderr: expect.stringMatching(/^revision \d+\n$/) });
  expect(done.stdout.toString()).toBe("put c/new\ndeleted c/a\nno such key: c/none\n");
  expect(await printed("ls", "c/")).toBe("c/b\nc/new\n");

  for (const args of [["commit"], ["commit", "--dry-run"]]) {
    const { code, stdout, stderr } = await duetkv(args, { input: commit });
    expect({ args, code, stdout: stdout.toString() }).toEqual({ args, code: 4, stdout: "" });
    expect(stderr).toMatch(/^duetkv: the check of c\/new fails: .*(exists|revision)/);
  }
});

test.each([
  ["", "Unexpected end of JSON input"],
  ["[]", "it must be an object"],
  ['{"mutation":[]}', 'unknown field "mutation"'],
  ['{"mutations":[{"put":{"value":"x"}}]}', "each mutation must be a put or a delete with a key"],
  ['{"checks":[{"key":"a"}]}', "each check must have a precondition"],
  ['{"checks":[{"key":"a","precondition":{"revision":"x"}}]}', "a precondition must be"],
])("refuses the commit %j", async (input, mistake) => {
  const { code, stderr } = await duetkv(["commit"], { input });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(mistake) });
});

test("a prefix is deleted only when that is confirmed, and counted before", async () => {
  await putAll("p/a", "p/b/c", "q");
  expect(await printed("del", "--prefix", "p/", "--dry-run")).toBe("would delete 2\n");
  expect(await duetkv(["del", "--prefix", "p/"])).toMatchObject({
    code: 2,
    stderr: "duetkv: there is no terminal to ask on\nConfirm with --yes, or count with --dry-run.\n",
  });
  expect(await duetkv(["del", "--prefix", "", "--yes"])).toMatchObject({
    code: 2,
    stderr: "duetkv: an empty prefix means every key\nConfirm that with --all.\n",
  });
  expect(await printed("ls", "p/", "--count")).toBe("2\n");
  expect(JSON.parse(await printed("del", "--prefix", "p/", "--yes", "--json"))).toEqual({
    count: 2,
    deleted: 2,
  });
  expect(await printed("ls", "q")).toBe("q\n");
  const others = await printed("ls", "--count");
  expect(await printed("del", "--prefix", "", "--yes", "--all")).toBe(`deleted ${others}`);
});

/** A program that does this to the file that it is given, as an editor. */
async function createEditor(script: string): Promise<string> {
  const editor = join(await temporaryDirectory(), "editor");
  await writeFile(editor, `#!/bin/sh\n${script}\n`);
  await chmod(editor, 0o755);
  return editor;
}

test("edit writes the edited text if it has changed", async () => {
  await printed("put", "e", '{"a":1}', "--quiet");
  const edit = async (script: string, ...flags: string[]) =>
    duetkv(["edit", "e", ...flags], { environment: { EDITOR: await createEditor(script) } });
  const changed = await edit(`sed -i 's/1/12345678901234567890/' "$1"`, "--format", "json");
  expect(changed).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/\n-\{"a":1\}\n[^]*\nrevision \d+\n$/),
  });
  expect(await printed("get", "e")).toBe('{"a":12345678901234567890}');
  // As editors do.
  expect(await edit(`echo >> "$1"`)).toMatchObject({ code: 0, stderr: "nothing was changed\n" });
  const invalid = await edit(`echo x > "$1"`, "--format", "json");
  expect(invalid).toMatchObject({ code: 2, stderr: expect.stringContaining("the text is not valid JSON") });
  const [, file = ""] = /Your text is in (.*)\n/.exec(invalid.stderr) ?? [];
  expect(await readFile(file, "utf8")).toBe("x\n");
  expect(await edit("exit 3")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the editor exited with 3"),
  });
});

test("edit keeps the time to live of the entry, also if it is renewed meanwhile", async () => {
  const readExpiry = async () => Date.parse(JSON.parse(await printed("get", "ttl", "--json")).expireTime);
  await printed("put", "ttl", "old", "--ttl", "1000s", "--quiet");
  const before = await readExpiry();
  const editor = await createEditor(`echo new > "$1"`);
  expect(await duetkv(["edit", "ttl"], { environment: { EDITOR: editor } })).toMatchObject({ code: 0 });
  const lateMs = (await readExpiry()) - before;
  expect(await printed("get", "ttl")).toBe("new");
  // The server sends its time in whole seconds, and writes a little later.
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(60_000);

  const touch = `curl -s -d '{"key":"ttl","ttl":"5000s"}' http://${server.address}/v1/key:touch`;
  const touching = await createEditor(`${touch}; echo newer > "$1"`);
  expect(await duetkv(["edit", "ttl"], { environment: { EDITOR: touching } })).toMatchObject({ code: 0 });
  expect((await readExpiry()) - before).toBeGreaterThan(3_900_000);
});

test("edit does not bring back a key that expires meanwhile", async () => {
  const directory = await temporaryDirectory();
  const [up, go] = [join(directory, "up"), join(directory, "go")];
  const script = `touch ${up}; while [ ! -e ${go} ]; do sleep 0.05; done; echo new > "$1"`;
  const environment = { EDITOR: await createEditor(script), TMPDIR: directory };
  await printed("put", "expiring", "old", "--ttl", "1h", "--quiet");
  const edited = duetkv(["edit", "expiring"], { environment });
  await until(() => existsSync(up));
  await printed("touch", "expiring", "--ttl", "1s", "--quiet");
  await until(async () => (await duetkv(["get", "expiring"])).code === 3);
  await writeFile(go, "");
  const { code, stderr } = await edited;
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining("(REVISION_MISMATCH)") });
  const draft = /Your text is in (.*)/.exec(stderr)?.[1] ?? "";
  expect(await readFile(draft, "utf8")).toBe("new\n");
  expect((await duetkv(["get", "expiring"])).code).toBe(3);
});

test("an interrupt while the editor runs is for the editor", async () => {
  const directory = await temporaryDirectory();
  const [up, go] = [join(directory, "up"), join(directory, "go")];
  const script = `touch ${up}; while [ ! -e ${go} ]; do sleep 0.05; done; echo new > "$1"`;
  const environment = { EDITOR: await createEditor(script), TMPDIR: directory };
  const child = startCli(["edit", "interrupted"], { address: server.address, environment });
  const ended = once(child, "close");
  await until(() => existsSync(up));
  child.kill("SIGINT");
  await writeFile(go, "");
  expect(await ended).toEqual([0, null]);
  expect(await printed("get", "interrupted")).toBe("new");
});

test("edit does not overwrite a concurrent change", async () => {
  await printed("put", "shared", "base", "--quiet");
  const url = `http://${server.address}/v1/key/shared`;
  const editor = await createEditor(`curl -s -X PUT -d theirs ${url}; echo mine > "$1"`);
  const { code, stderr } = await duetkv(["edit", "shared"], { environment: { EDITOR: editor } });
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining("(REVISION_MISMATCH)") });
  expect(stderr).toContain("Your text is in ");
  expect(await printed("get", "shared")).toBe("theirs");
});

test("edit makes a key that did not exist", async () => {
  const editor = await createEditor(`echo new > "$1"`);
  expect(await duetkv(["edit", "fresh"], { environment: { VISUAL: editor } })).toMatchObject({ code: 0 });
  expect(await printed("get", "fresh")).toBe("new");
});
