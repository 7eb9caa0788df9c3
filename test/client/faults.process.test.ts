import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ConnectOptions,
  connect,
  DuetError,
  TimeoutError,
  UnauthenticatedError,
  UnavailableError,
  UnknownOutcomeError,
} from "../../clients/typescript/src/index.ts";
import { createRandom, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { type Fault, startFaultProxy } from "./fault-proxy.ts";
import { patienceMs } from "./patience.ts";

let server: ServerProcess;
let count = 0;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

/** A client through a proxy, and one that sees what really happened. */
async function connectBoth(options: Partial<ConnectOptions> = {}) {
  const proxy = await startFaultProxy(server.address);
  const prefix = `${++count}/`;
  const retry = { baseMs: 1, maxMs: 5, budget: 1 };
  const client = connect({ url: proxy.url, prefix, retry, timeoutMs: patienceMs, ...options });
  const direct = connect({ url: `http://${server.address}`, prefix, timeoutMs: patienceMs });
  return { proxy, client, direct };
}

test("no write is applied twice or not at all, whatever happens to requests and responses", async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const { proxy, client, direct } = await connectBoth({
    timeoutMs: 60_000,
    retry: { baseMs: 1, maxMs: 5, budget: 10 },
  });
  const faults: readonly Fault[] = ["pass", "lose", "cut", "double", "cut"];
  // Not more in a row than the budget of retries.
  let inRow = 0;
  proxy.decide = () => {
    const fault = inRow < 5 ? random.pick(faults) : "pass";
    inRow = fault === "lose" || fault === "cut" ? inRow + 1 : 0;
    return fault;
  };
  for (let round = 1; round <= 20; round++) {
    const head = await client.put("put", String(round));
    expect(head.version).toBe(round);
    await client.create(`created/${round}`, "1");
    expect(await client.delete(`created/${round}`)).toBe(true);
    await client.commit((batch) => batch.put(`a/${round}`, "a").put("commit", String(round)));
  }
  expect((await direct.get("put"))?.version).toBe(20);
  expect((await direct.get("commit"))?.version).toBe(20);
  const created = await Array.fromAsync(direct.history("created/1"));
  expect(created.map(({ type }) => type)).toEqual(["delete", "put"]);
  expect(proxy.calls.length).toBeGreaterThan(80);
});

test("a write whose repeat fails, too, has an unknown outcome", async () => {
  const { proxy, client, direct } = await connectBoth({
    timeoutMs: 60_000,
    retry: { baseMs: 1, maxMs: 1, budget: 0 },
  });
  proxy.decide = (_method, call) => (call === 0 ? "cut" : "lose");
  await expect(client.put("k", "1")).rejects.toThrow(UnknownOutcomeError);
  expect((await direct.get("k"))?.value).toBe("1");
});

test("without retries a write that was cut has an unknown outcome at once", async () => {
  const { proxy, client } = await connectBoth({ retry: false });
  proxy.decide = () => "cut";
  await expect(client.put("k", "1")).rejects.toThrow(UnknownOutcomeError);
  expect(proxy.calls).toEqual(["Put"]);
  await expect(client.get("k")).rejects.toThrow(UnavailableError);
});

test("a server that does not respond is a timeout, which tells whether a write may have happened", async () => {
  const { proxy, client } = await connectBoth({ timeoutMs: 200 });
  proxy.decide = () => "hold";
  const start = performance.now();
  await expect(client.get("k")).rejects.toMatchObject({ name: "TimeoutError", outcome: "nothing" });
  const error: unknown = await client.put("k", "1").catch((reason: unknown) => reason);
  expect(performance.now() - start).toBeLessThan(patienceMs / 2);
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: "unknown" });
});

test("nothing has happened when there is no server", async () => {
  const { proxy, client } = await connectBoth({
    timeoutMs: 60_000,
    retry: { baseMs: 1, maxMs: 1, budget: 0 },
  });
  proxy.close();
  await expect(client.put("k", "1")).rejects.toThrow(UnavailableError);
  await expect(client.put("k", "1")).rejects.toMatchObject({ outcome: "nothing" });
});

test("a call goes to the next server when one is gone or silent", async () => {
  const { proxy, client: _, direct } = await connectBoth();
  const silent = await startFaultProxy(server.address);
  silent.decide = () => "hold";
  const gone = await startFaultProxy(server.address);
  gone.close();
  const client = connect({ url: [gone.url, silent.url, proxy.url], prefix: `${count}/`, timeoutMs: 6000 });
  await client.put("k", "1");
  expect((await direct.get("k"))?.version).toBe(1);
  await client.get("k");
  expect(silent.calls).toEqual(["Put"]);
});

test("retries are at most a share of the calls", async () => {
  const { proxy, client } = await connectBoth({ retry: { baseMs: 0, maxMs: 0, budget: 0.1 }, batch: false });
  proxy.decide = () => "lose";
  for (let call = 0; call < 100; call++) await client.get("k").catch(() => {});
  // 10 in stock, and 0.1 for each call.
  expect(proxy.calls.length).toBeGreaterThanOrEqual(100 + 10);
  expect(proxy.calls.length).toBeLessThanOrEqual(100 + 20);
});

test("retries are told, and an aborted call ends at once", async () => {
  const events: string[] = [];
  const { proxy, client } = await connectBoth({
    onEvent: (event) => events.push(`${event.type} ${event.type === "retry" ? event.method : ""}`),
  });
  proxy.decide = (_method, call) => (call === 0 ? "lose" : "hold");
  const controller = new AbortController();
  const call = client.get("k", { signal: controller.signal, timeoutMs: 60_000 });
  await expect.poll(() => proxy.calls.length).toBe(2);
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: "canceled", outcome: "nothing" });
  expect(events).toEqual(["retry Get"]);
});

test("a clock that is wrong by an hour does not stop writes, and is put right by the first", async () => {
  const { proxy, client, direct } = await connectBoth();
  const now = Date.now;
  Date.now = () => now() + 3_600_000;
  try {
    await client.put("k", "1");
    proxy.decide = (_method, call) => (call === 2 ? "cut" : "pass");
    await client.put("k", "2");
  } finally {
    Date.now = now;
  }
  expect((await direct.get("k"))?.version).toBe(2);
  expect(proxy.calls.length).toBe(4);
});

test("credentials are asked for once, and once more when they are refused", async () => {
  let asked = 0;
  const tokens: (string | undefined)[] = [];
  const refused = new UnauthenticatedError({
    code: "unauthenticated",
    reason: "",
    message: "expired",
    outcome: "nothing",
    metadata: {},
  });
  const client = connect({
    url: "test:",
    credentials: async () => `token ${++asked}`,
    transport: {
      async unary({ token }) {
        tokens.push(token);
        if (token !== "token 2") throw refused;
        return { revision: "1", entry: { key: "k", value: "v", revision: "1", version: "1" } };
      },
      async *stream() {},
    },
  });
  expect((await client.get("k"))?.value).toBe("v");
  await client.get("k");
  expect(tokens).toEqual(["token 1", "token 2", "token 2"]);
});

test("gets of one turn are one call, each with its own result", async () => {
  const { proxy, client, direct } = await connectBoth();
  await direct.put("a", "1");
  await direct.put("b", "2");
  const [a, again, b, none, bad, single] = await Promise.allSettled([
    client.get("a"),
    client.get("a"),
    client.get("b"),
    client.get("none"),
    client.get("bad\0"),
    client.get("a", { local: true }),
  ]);
  expect(a).toMatchObject({ value: { value: "1" } });
  expect(again).toEqual(a);
  expect(b).toMatchObject({ value: { value: "2" } });
  expect(none).toMatchObject({ value: undefined });
  expect(bad).toMatchObject({ reason: { reason: "KEY_INVALID" } });
  expect(single).toEqual(a);
  // One batch, its halves, the two keys of the half with the bad one, and the get that differs.
  expect(proxy.calls.toSorted()).toEqual(["BatchGet", "BatchGet", "BatchGet", "Get", "Get", "Get"]);
  const many = await Promise.all(Array.from({ length: 2500 }, (_, index) => client.get(`many/${index}`)));
  expect(many.every((entry) => entry === undefined)).toBe(true);
  // Halves of halves: a call has at most 1,000 keys.
  expect(proxy.calls.slice(6)).toEqual(["BatchGet", "BatchGet", "BatchGet", "BatchGet"]);
});

test("gets whose values are too large for one response are read apart", async () => {
  const { client, direct } = await connectBoth();
  const keys = Array.from({ length: 12 }, (_, index) => `large/${index}`);
  for (const key of keys) await direct.put(key, key.padEnd(1_000_000));
  const entries = await Promise.all(keys.map((key) => client.get(key)));
  expect(entries.map((entry) => String(entry?.value).trimEnd())).toEqual(keys);
});

test("every failure is a DuetError, also one of a proxy that speaks HTML", async () => {
  const { createServer } = await import("node:http");
  const html = createServer((_request, response) => response.writeHead(500).end("<h1>oops</h1>"));
  await new Promise<void>((resolve) => html.listen(0, "127.0.0.1", resolve));
  const { port } = html.address() as { port: number };
  const client = connect({ url: `http://127.0.0.1:${port}` });
  await expect(client.get("k")).rejects.toMatchObject({ code: "unknown", outcome: "nothing" });
  await expect(client.get("k")).rejects.toThrow(DuetError);
  await expect(client.put("k", "1")).rejects.toThrow(UnknownOutcomeError);
  html.close();
});
