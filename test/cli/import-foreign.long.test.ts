import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { accepts, freePort } from "../support/ports.ts";
import { hasPrograms } from "../support/programs.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { runCli } from "./run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  expect((await duetkv(["del", "--prefix", "", "--all", "--yes"])).code).toBe(0);
});

async function duetkv(args: readonly string[], environment: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runCli(args, { address: server.address, environment });
  return { code, stdout: stdout.toString(), stderr };
}

async function printed(...args: string[]): Promise<string> {
  return (await duetkv(args)).stdout;
}

/** The time to live that is left of an entry, in seconds. */
async function secondsLeft(key: string): Promise<number> {
  const { expireTime } = JSON.parse(await printed("get", key, "--json"));
  return (Date.parse(expireTime) - Date.now()) / 1000;
}

/** Starts another store until the test is over. `toArguments` receives a directory and free ports. */
async function startStore(
  program: string,
  toArguments: (directory: string, port: number, other: number) => readonly string[],
): Promise<number> {
  const [port, other] = [await freePort(), await freePort()];
  const child = spawn(program, toArguments(await temporaryDirectory(), port, other), { stdio: "ignore" });
  onTestFinished(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  await until(() => accepts(port));
  return port;
}

async function startEtcd(): Promise<string> {
  const port = await startStore("etcd", (directory, client, peer) => [
    `--data-dir=${directory}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
  ]);
  return `http://127.0.0.1:${port}`;
}

async function callEtcd(url: string, method: string, request: object): Promise<Record<string, string>> {
  const response = await fetch(`${url}/v3/${method}`, { method: "POST", body: JSON.stringify(request) });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, string>;
}

function base64(text: string | Uint8Array): string {
  return Buffer.from(text as string).toString("base64");
}

test.skipIf(!hasPrograms("etcd"))("imports etcd at one revision, with leases and bytes", async () => {
  const url = await startEtcd();
  const put = (key: string | Uint8Array, value: string | Uint8Array, lease?: string) =>
    callEtcd(url, "kv/put", { key: base64(key), value: base64(value), lease });
  await until(() => put("cfg/a", "größe"));
  await put("cfg/bytes", Uint8Array.of(0xff, 0));
  await put("cfg/empty", "");
  await put("other", "x");
  const { ID } = await callEtcd(url, "lease/grant", { TTL: "1000" });
  await put("cfg/leased", "x", ID);
  for (let index = 0; index < 250; index++) await put(`many/${index}`, String(index));

  const some = ["import", "--from", "etcd", url, "--prefix", "cfg/", "--to-prefix", "new/"];
  expect(await duetkv(some)).toEqual({ code: 0, stdout: "", stderr: "imported 4, skipped 0, deleted 0\n" });
  expect(await printed("ls", "new/")).toBe("new/a\nnew/bytes\nnew/empty\nnew/leased\n");
  expect(await printed("get", "new/a")).toBe("größe");
  expect(JSON.parse(await printed("get", "new/bytes", "--json"))).toMatchObject({ bytesValue: "/wA=" });
  expect(await secondsLeft("new/leased")).toBeGreaterThan(900);
  expect(await secondsLeft("new/leased")).toBeLessThanOrEqual(1001);

  // A mirror of all, and what this store cannot have.
  await put(Uint8Array.of(0xff, 0xfe), "x");
  const { code, stdout, stderr } = await duetkv([
    "import",
    "--from",
    "etcd",
    url,
    "--mode",
    "mirror",
    "--json",
  ]);
  expect({ code, ...JSON.parse(stdout) }).toEqual({
    code: 9,
    imported: 255,
    skipped: 0,
    deleted: 4,
    unsupported: { "key is empty, contains NUL or is not UTF-8": 1 },
  });
  expect(stderr).toContain("1 entries were not imported: key is empty");
  expect(await printed("ls", "--count")).toBe("255\n");
  const created = await duetkv(["import", "--from", "etcd", url, "--mode", "create", "--prefix", "many/"]);
  expect(created).toMatchObject({ code: 0, stderr: "imported 0, skipped 250, deleted 0\n" });
});

test.skipIf(!hasPrograms("etcd"))("authenticates at etcd by ETCDCTL_USER", async () => {
  const url = await startEtcd();
  await until(() => callEtcd(url, "kv/put", { key: base64("a"), value: base64("x") }));
  await callEtcd(url, "auth/user/add", { name: "root", password: "pass:word" });
  await callEtcd(url, "auth/user/grant", { user: "root", role: "root" });
  await callEtcd(url, "auth/enable", {});
  const args = ["import", "--from", "etcd", url];
  expect(await duetkv(args)).toMatchObject({ code: 1, stderr: expect.stringContaining("(SOURCE_FAILED)") });
  expect(await duetkv(args, { ETCDCTL_USER: "root:pass:word" })).toMatchObject({ code: 0 });
  expect(await printed("get", "a")).toBe("x");
});

test.skipIf(!hasPrograms("etcd"))(
  "names what is over the limits of the server, and imports the rest",
  async () => {
    const url = await startEtcd();
    const put = (key: string, value: string) =>
      callEtcd(url, "kv/put", { key: base64(key), value: base64(value) });
    await until(() => put("a", "x"));
    await put("large", "x".repeat(2 ** 20 + 1));
    await put("k".repeat(1020), "x");
    await put("z", "x");
    const args = ["import", "--from", "etcd", url, "--to-prefix", "copy/"];
    const { code, stderr } = await duetkv(args);
    expect(code).toBe(9);
    expect(stderr).toContain('duetkv: not imported: "large": value is larger than 1048576 bytes\n');
    expect(stderr).toContain(`duetkv: not imported: "${"k".repeat(1019)}": key is longer than 1019 bytes\n`);
    expect(stderr).toContain("imported 2, skipped 0, deleted 0\n");
    expect(await printed("ls", "--recursive")).toBe("copy/a\ncopy/z\n");
  },
);

/** Sends commands to Redis as text; values must not have spaces. */
async function callRedis(port: number, ...commands: readonly string[]): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`${[...commands, "ECHO done"].join("\r\n")}\r\n`);
  let replies = "";
  for await (const chunk of socket) {
    replies += String(chunk);
    if (replies.endsWith("done\r\n")) break;
  }
  expect(replies).not.toMatch(/^-/m);
}

test.skipIf(!hasPrograms("redis-server"))(
  "imports the strings of Redis, with their times to live",
  async () => {
    const port = await startStore("redis-server", (directory, client) => [
      "--port",
      String(client),
      "--bind",
      "127.0.0.1",
      "--dir",
      directory,
      "--save",
      "",
    ]);
    await callRedis(
      port,
      "SELECT 3",
      "SET s/text größe",
      'SET s/bytes "\\xff\\x00"',
      "SET s/soon x PX 1000000",
      "SET s[x]/1 x",
      "LPUSH s/list 1 2",
      "HSET s/hash a 1",
      "HSET s/hash2 a 1",
      'SET "\\xff" x',
      // Zeros and one byte.
      "SETRANGE s/large 1048576 x",
      `SET ${"k".repeat(1025)} x`,
      ...Array.from({ length: 12 }, (_, index) => `SETRANGE largest/${index} 1048575 "\\xff"`),
      ...Array.from({ length: 2500 }, (_, index) => `SET many/${index} ${index}`),
    );
    const url = `redis://127.0.0.1:${port}/3`;
    const all = await duetkv(["import", "--from", "redis", url, "--json"]);
    expect({ code: all.code, ...JSON.parse(all.stdout) }).toEqual({
      code: 9,
      imported: 2516,
      skipped: 0,
      deleted: 0,
      unsupported: {
        "type is hash": 2,
        "type is list": 1,
        "key is empty, contains NUL or is not UTF-8": 1,
        "key is longer than 1024 bytes": 1,
        "value is larger than 1048576 bytes": 1,
      },
    });
    expect(all.stderr).toContain('duetkv: not imported: "s/large": value is larger than 1048576 bytes\n');
    const largest = JSON.parse(await printed("get", "largest/11", "--json"));
    expect(Buffer.from(largest.bytesValue, "base64").length).toBe(2 ** 20);
    expect(await printed("get", "s/text")).toBe("größe");
    expect(JSON.parse(await printed("get", "s/bytes", "--json"))).toMatchObject({ bytesValue: "/wA=" });
    expect(await secondsLeft("s/soon")).toBeGreaterThan(900);
    expect(await printed("get", "many/2499")).toBe("2499");

    // A prefix is no pattern.
    await duetkv(["del", "--prefix", "", "--all", "--yes"]);
    expect(await duetkv(["import", "--from", "redis", url, "--prefix", "s[x]/"])).toMatchObject({ code: 0 });
    expect(await printed("ls", "--recursive")).toBe("s[x]/1\n");

    await callRedis(port, "CONFIG SET requirepass secret");
    const args = ["import", "--from", "redis", url, "--prefix", "s[x]/"];
    expect(await duetkv(args)).toMatchObject({ code: 1, stderr: expect.stringContaining("NOAUTH") });
    expect(await duetkv(args, { REDISCLI_AUTH: "secret" })).toMatchObject({ code: 0 });
  },
);

/** A server with recorded responses of Consul 1.20: `consul kv put` of these keys, and GET /v1/kv/…?recurse. */
async function startConsul(): Promise<string> {
  const recorded = [
    ["cfg/", null],
    ["cfg/a", "Z3LDtsOfZQ=="],
    ["cfg/b c", "/wA="],
    ["other", "eA=="],
  ].map(([Key, Value], index) => ({
    LockIndex: 0,
    Key,
    Flags: 0,
    Value,
    CreateIndex: 20 + index,
    ModifyIndex: 20 + index,
  }));
  const respond = (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "", "http://consul");
    const prefix = decodeURIComponent(url.pathname.slice("/v1/kv/".length));
    if (request.headers["x-consul-token"] !== "secret") {
      response.writeHead(403).end("Permission denied: token lacks permission 'key:read'");
      return;
    }
    const entries = recorded.filter(({ Key }) => Key?.startsWith(prefix));
    expect(url.searchParams.get("recurse")).toBe("true");
    response.writeHead(entries.length === 0 ? 404 : 200, { "X-Consul-Index": "23" });
    response.end(entries.length === 0 ? "" : JSON.stringify(entries));
  };
  return startHttpServer(respond);
}

test("imports the keys of Consul", async () => {
  const url = await startConsul();
  const environment = { CONSUL_HTTP_TOKEN: "secret" };
  const args = ["import", "--from", "consul", url];
  expect(await duetkv([...args, "--prefix", "cfg/"], environment)).toMatchObject({
    code: 0,
    stderr: "imported 3, skipped 0, deleted 0\n",
  });
  expect(await printed("ls", "--recursive")).toBe("cfg/\ncfg/a\ncfg/b c\n");
  expect(await printed("get", "cfg/a")).toBe("größe");
  expect(await printed("get", "cfg/")).toBe("");
  expect(await duetkv([...args, "--mode", "create"], environment)).toMatchObject({
    code: 0,
    stderr: "imported 1, skipped 3, deleted 0\n",
  });
  expect(await duetkv([...args, "--prefix", "none/"], environment)).toMatchObject({ code: 0 });
  expect(await duetkv(args)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/HTTP status 403: Permission denied.*\(SOURCE_FAILED\)/),
  });
});

async function startHttpServer(respond: RequestListener): Promise<string> {
  const http = createServer(respond).listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => void http.close());
  return `http://127.0.0.1:${(http.address() as { port: number }).port}`;
}

test("does not take status 404 of another server for a Consul without keys", async () => {
  await duetkv(["put", "a", "x"]);
  const url = await startHttpServer((_request, response) => response.writeHead(404).end("no such page"));
  const args = ["import", "--from", "consul", url, "--mode", "mirror", "--allow-empty"];
  expect(await duetkv(args)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/it is not Consul.*\(SOURCE_FAILED\)/),
  });
  expect(await printed("ls")).toBe("a\n");
});

test("mirrors a store without entries only with --allow-empty", async () => {
  await duetkv(["put", "none/a", "x"]);
  const environment = { CONSUL_HTTP_TOKEN: "secret" };
  const args = ["import", "--from", "consul", await startConsul(), "--prefix", "none/"];
  expect(await duetkv([...args, "--allow-empty"], environment)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--allow-empty needs --from and --mode mirror"),
  });
  expect(await duetkv([...args, "--mode", "mirror"], environment)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--allow-empty"),
  });
  expect(await printed("ls", "none/")).toBe("none/a\n");
  expect(await duetkv([...args, "--mode", "mirror", "--allow-empty"], environment)).toMatchObject({
    code: 0,
    stderr: "imported 0, skipped 0, deleted 1\n",
  });
});

test("refuses what is not the URL of such a store, and says what cannot be reached", async () => {
  const port = await freePort();
  const table = [
    [["--from", "etcd"], 2, "needs a URL such as http://127.0.0.1:2379"],
    [["--from", "redis", "http://127.0.0.1"], 2, "needs a URL such as redis://"],
    [["--from", "mysql", "http://127.0.0.1"], 2, "--from must be etcd, redis or consul"],
    [["--from", "redis", "redis://:secret@127.0.0.1"], 2, "REDISCLI_AUTH"],
    [["--from", "etcd", "http://127.0.0.1", "--resume", "state"], 2, "exclude each other"],
    [["--from", "redis", `redis://127.0.0.1:${port}`], 1, "(SOURCE_FAILED)"],
    [["--from", "etcd", `http://127.0.0.1:${port}`], 1, "(SOURCE_FAILED)"],
    // It does not speak the protocol of Redis, and has no gateway of etcd.
    [["--from", "redis", `redis://${server.address}`], 1, "(SOURCE_FAILED)"],
    [["--from", "etcd", `http://${server.address}`], 1, "(SOURCE_FAILED)"],
  ] as const;
  for (const [args, code, message] of table) {
    const result = await duetkv(["import", ...args]);
    expect({ args, ...result }).toMatchObject({ args, code, stderr: expect.stringContaining(message) });
  }
});
