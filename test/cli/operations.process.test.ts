import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
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
  const fake = createServer((request, response) => {
    request.resume().once("end", () => response.end(JSON.stringify(identity)));
  });
  onTestFinished(() => void fake.close());
  await once(fake.listen(0, "127.0.0.1"), "listening");
  const address = `127.0.0.1:${(fake.address() as AddressInfo).port}`;
  const { code, stdout } = await runCli(["whoami"], { address });
  expect({ code, shown: stdout.toString() }).toEqual({
    code: 0,
    shown: '"ci\\u001b[2J" via "to\\u202eken"\nallow "read\\u009b2J" on "p\\u001b[2J"*\n',
  });
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
