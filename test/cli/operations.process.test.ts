import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { startFakeServer } from "./fake-server.ts";
import { runCli } from "./run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

async function printed(args: readonly string[], environment: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { address: server.address, environment });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.toString();
}

test("status shows the server, for people and for programs", async () => {
  await printed(["put", "a", "x", "--quiet"]);
  const text = await printed(["status"]);
  expect(text).toMatch(new RegExp(`^server {5}http://${server.address}, version \\d`));
  expect(text).toMatch(/\nrevision {3}1; changes after 0 can be watched\nwrites {5}yes\nfault {6}none\n/);
  const status = JSON.parse(await printed(["status", "--json"]));
  expect(status).toMatchObject({ revision: "1", entries: "1", writable: true });
});

test("whoami shows an anonymous caller when there is no policy", async () => {
  expect(await printed(["whoami"])).toBe("anonymous\nno policy: everything is allowed\n");
  expect(JSON.parse(await printed(["whoami", "--json"]))).toMatchObject({ via: "anonymous", grants: [] });
});

test("what a server says of an identity cannot move the cursor", async () => {
  const grants = [{ prefix: "p\u001b[2J", rights: ["read\u009b2J"], deny: false }];
  const identity = { name: "ci\u001b[2J", via: "to\u202eken", grants };
  const { code, stdout } = await runCli(["whoami"], { address: await startFakeServer(identity) });
  expect({ code, shown: stdout.toString() }).toEqual({
    code: 0,
    shown: '"ci\\u001b[2J" via "to\\u202eken"\nallow "read\\u009b2J" on "p\\u001b[2J"*\n',
  });
});

test("what a server says of its state cannot move the cursor", async () => {
  const escape = "\u001b[2J";
  const status = {
    version: `1${escape}`,
    storeId: `store${escape}`,
    revision: "2",
    oldestRevision: "1",
    entries: "1",
    storeBytes: "10",
    limits: {},
    writable: false,
    fault: `disk${escape}`,
    replicas: [{ id: `one${escape}`, revision: "2", writer: true }],
    callsPerSecond: 0,
    callP99Seconds: 0,
    stateHash: `hash${escape}`,
  };
  const shown = await runCli(["status"], { address: await startFakeServer(status) });
  expect(shown.stdout.toString()).not.toContain("\u001b");
  const quoted = (text: string) => JSON.stringify(`${text}${escape}`);
  expect(shown.stdout.toString().split("\n")).toEqual([
    expect.stringMatching(/^server {5}http:.*, version "1\\u001b\[2J"$/),
    `store      ${quoted("store")}`,
    "entries    1, 10 B",
    "revision   2; changes after 1 can be watched",
    "writes     no",
    `fault      ${quoted("disk")}`,
    "calls      0.0/s, p99 0.0 ms",
    `state hash ${quoted("hash")}`,
    `replica    ${quoted("one")}, revision 2, writer`,
    "",
  ]);
  const health = await runCli(["health"], { address: await startFakeServer({ status: `SERVING${escape}` }) });
  expect([health.code, health.stdout.toString()]).toEqual([6, `${quoted("SERVING")}\n`]);
});

test("health tells whether the server serves", async () => {
  expect(await printed(["health"])).toBe("SERVING\n");
  const none = await runCli(["health", "--server", "127.0.0.1:1", "--timeout", "100ms"]);
  expect(none.code).toBe(6);
});

test("contexts are saved, chosen and listed", async () => {
  const environment = { XDG_CONFIG_HOME: await temporaryDirectory(), DUETKV_CLIENT_SERVER: "" };
  const context = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(["context", ...args], { environment });
    return { code, stdout: stdout.toString(), stderr };
  };
  const here = ["--server", server.address];
  expect(await context("add", "here", ...here)).toMatchObject({
    code: 0,
    stderr: "saved here; it is the current context\n",
  });
  expect(await context("add", "there", "--server", "127.0.0.1:1", "--timeout", "100ms")).toMatchObject({
    code: 0,
  });
  expect(await printed(["get", "a"], environment)).toBe("x");
  expect(await context("use", "there")).toMatchObject({ code: 0 });
  expect((await context("ls")).stdout).toBe(`  here ${server.address}\n* there 127.0.0.1:1\n`);
  expect((await runCli(["get", "a"], { environment })).code).toBe(6);
  expect(await printed(["get", "a", "--context", "here"], environment)).toBe("x");
  expect(await context("use", "nowhere")).toMatchObject({ code: 2 });
  expect(await context("add", "empty")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no flags to save"),
  });
  expect(await context("add", "bad", "--server", "ftp://x")).toMatchObject({ code: 2 });
});
