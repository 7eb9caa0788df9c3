import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { runCli } from "./run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
  // Revisions 1 to 5.
  await printed("put", "a", "one\ntwo\n", "--quiet");
  await printed("put", "a", "one\nthree\n", "--quiet");
  await printed("del", "a", "--quiet");
  await printed("put", "b", "other", "--quiet");
  await printed("put", "a", "four\n", "--bytes", "--quiet");
});

afterAll(async () => {
  await server.stop();
});

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { address: server.address });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.toString();
}

test("get --at reads the past", async () => {
  expect(await printed("get", "a", "--at", "1")).toBe("one\ntwo\n");
  expect((await runCli(["get", "a", "--at", "3"], { address: server.address })).code).toBe(3);
  const future = await runCli(["get", "a", "--at", "99", "--timeout", "200ms"], { address: server.address });
  expect(future.code).toBe(6);
});

test("history lists the changes of a key, the newest first", async () => {
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
  const [head, ...rows] = (await printed("history", "a")).trimEnd().split("\n");
  expect(head).toMatch(/^ +REVISION +VERSION +TIME +CHANGE +SIZE +VALUE$/);
  expect(rows).toEqual([
    expect.stringMatching(new RegExp(`^ +5 +1 +${time} +PUT +5 B +\\(5 bytes\\)$`)),
    expect.stringMatching(new RegExp(`^ +3 +- +${time} +DELETE +-$`)),
    expect.stringMatching(new RegExp(`^ +2 +2 +${time} +PUT +10 B +"one\\\\nthree\\\\n"$`)),
    expect.stringMatching(new RegExp(`^ +1 +1 +${time} +PUT +8 B +"one\\\\ntwo\\\\n"$`)),
  ]);
  const events = (await printed("history", "a", "--json")).trimEnd().split("\n");
  expect(events.map((line) => JSON.parse(line).type)).toEqual(["PUT", "DELETE", "PUT", "PUT"]);
  expect(await printed("history", "none", "--json")).toBe("");
});

test("diff shows what changed between two revisions, with exit code 9", async () => {
  const diff = async (...args: string[]) => {
    const { code, stdout } = await runCli(["diff", "a", ...args], { address: server.address });
    return { code, text: stdout.toString() };
  };
  expect(await diff("1", "2")).toEqual({
    code: 9,
    text: "--- a at revision 1\n+++ a at revision 2\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n",
  });
  expect(await diff("2", "2")).toEqual({ code: 0, text: "" });
  expect((await diff("3")).text).toContain("--- a at revision 3 (no such key)\n+++ a now\n");
  expect(await diff("x")).toMatchObject({ code: 2 });
  const json = await diff("1", "2", "--json");
  expect(JSON.parse(json.text)).toMatchObject({
    equal: false,
    before: { revision: "1" },
    after: { revision: "2" },
  });
});

test("revert puts the value of a revision, as text or as bytes", async () => {
  await printed("put", "r", "old", "--bytes", "--quiet");
  const { revision } = JSON.parse(await printed("put", "r", "new", "--json"));
  expect((await runCli(["revert", "r"], { address: server.address })).code).toBe(2);
  const before = String(Number(revision) - 1);
  expect(JSON.parse(await printed("revert", "r", "--to", before, "--json"))).toMatchObject({
    entry: { version: "3" },
  });
  expect(JSON.parse(await printed("get", "r", "--json"))).toMatchObject({ bytesValue: "b2xk" });
  const none = await runCli(["revert", "r", "--to", "1"], { address: server.address });
  expect(none).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("no such key at revision 1 (NO_SUCH_KEY)"),
  });
});
