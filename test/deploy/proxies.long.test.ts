import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { GrpcSession } from "../../clients/typescript/src/grpc-session.ts";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { hasPrograms } from "../support/programs.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { uuid7 } from "../support/uuid7.ts";
import { startBreakingServer } from "./breaking-server.ts";
import { type ExampleProxy, exampleProxies, startExampleProxy } from "./example-proxies.ts";
import { toUuid } from "./proxy-clients.ts";

async function startServer(...flags: string[]): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

const idOfProxy: Readonly<Record<ExampleProxy, RegExp>> = {
  nginx: /^[\da-f]{32}$/,
  haproxy: /^[\dA-F]+:[\dA-F:_]+$/,
  envoy: /^[\da-f]{8}-[\da-f]{4}-4/,
};

const nodeOptions = { rejectUnauthorized: false };
const baseUrl = (port: number) => `https://127.0.0.1:${port}`;
const overGrpc = (port: number) => {
  const sessionManager = new GrpcSession(baseUrl(port), {}, nodeOptions);
  return createClient(KeyValueService, createGrpcTransport({ baseUrl: baseUrl(port), sessionManager }));
};

/** Sends a REST request over TLS, on a connection of its own. */
function send(port: number, method: string, path: string, headers = {}, body = ""): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path, headers, agent: false, ...nodeOptions };
    request(options, resolve).on("error", reject).end(body);
  });
}

async function status(...args: Parameters<typeof send>): Promise<number | undefined> {
  const response = await send(...args);
  await text(response);
  return response.statusCode;
}

const put = (port: number, key: string, headers = {}) =>
  status(port, "PUT", `/v1/key/${key}`, headers, "value");

/** A new id, as the header Idempotency-Key has it. */
const requestId = () => toUuid(uuid7(Date.now()));

/** Resolves once the proxy can reach a replica. */
const startedProxy = async (...args: Parameters<typeof startExampleProxy>): Promise<number> => {
  const port = await startExampleProxy(...args);
  await until(async () => {
    if ((await status(port, "GET", "/v1/key")) === 200) return true;
    // Proxies look once a second, and each request costs a handshake.
    await delay(200);
    return false;
  });
  return port;
};

const installed = hasPrograms("nginx", "haproxy", "python3");
describe.skipIf(!installed).each(exampleProxies)("the example of %s", (name: ExampleProxy) => {
  test("carries every protocol, and watches", async () => {
    const server = await startServer("--access-log", "on");
    const port = await startedProxy(name, [server, server]);
    expect(await put(port, "a")).toBe(201);
    const response = await send(port, "GET", "/v1/key/a");
    expect([response.headers.etag, await text(response)]).toEqual(['"1"', "value"]);

    const events = await send(port, "GET", "/v1/key:watch?key=a&include_existing=true");
    let received = "";
    events.on("data", (chunk: Buffer) => (received += chunk.toString()));
    await until(() => received.includes('"value":"value"'));
    events.destroy();

    const options = { baseUrl: baseUrl(port), nodeOptions, httpVersion: "1.1" as const };
    for (const client of [
      overGrpc(port),
      createClient(KeyValueService, createConnectTransport(options)),
      createClient(KeyValueService, createGrpcWebTransport(options)),
    ]) {
      const left = new AbortController();
      const watch = client.watch({ key: "b" }, { signal: left.signal })[Symbol.asyncIterator]();
      const { value: first } = await watch.next();
      await client.put({ key: "b", value: `after ${first?.revision}` });
      expect((await watch.next()).value?.events[0]?.entry?.value).toBe(`after ${first?.revision}`);
      left.abort();
    }
    // The proxy names a call, the server logs it under that name: the ids of the server itself are UUIDs.
    // A response may come before the line of its call.
    await until(() => {
      const calls = server.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "call");
      return calls.filter(({ requestId: id }) => idOfProxy[name].test(id)).length > 5;
    });
  });

  test("loses no response of calls that overlap", async () => {
    const server = await startServer();
    const client = overGrpc(await startedProxy(name, [server, server]));
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (let n = 0; n < 200; n++) {
        await client.put({ key: `${caller}`, value: "value" });
        // Responses come together only when the calls do not begin one after another.
        await delay(5);
      }
    });
    await Promise.all(callers);
    expect((await client.get({ key: "7" })).entry?.version).toBe(200n);
  });

  test.each(["1.1", "2"] as const)("lets pages of its own origin call over HTTP/%s", async (httpVersion) => {
    const server = await startServer();
    const port = await startedProxy(name, [server, server]);
    const transport = createConnectTransport({ baseUrl: baseUrl(port), nodeOptions, httpVersion });
    const client = createClient(KeyValueService, transport);
    const putFrom = (origin: string) => client.put({ key: "a" }, { headers: { origin } });
    expect(await putFrom(baseUrl(port))).toMatchObject({ revision: 1n });
    await expect(putFrom("https://other.example")).rejects.toThrow("--cors-origin");
    expect(await put(port, "b", { origin: baseUrl(port) })).toBe(201);
    expect(await put(port, "b", { origin: "https://other.example" })).toBe(403);
  });

  test("sends a call to another replica only when that does no harm", async () => {
    const server = await startServer();
    const breaking = await startBreakingServer();
    const replicas = [{ ...server, address: breaking.address }, server] as const;
    const port = await startedProxy(name, replicas);

    /** Repeats a call until the replica that breaks connections has received it. */
    const received = async <T>(call: (key: string) => Promise<T>): Promise<{ key: string; result: T }> => {
      for (let n = 0; ; n++) {
        const before = breaking.requests;
        const key = `key-${n}`;
        const result = await call(key);
        if (breaking.requests > before) return { key, result };
      }
    };

    const read = await received(() => status(port, "GET", "/v1/key"));
    expect(read.result).toBe(200);
    const withKey = await received((key) => put(port, key, { "idempotency-key": requestId() }));
    expect(withKey.result).toBe(201);
    const withoutKey = await received((key) => put(port, `bare-${key}`));
    expect(withoutKey.result).toBeGreaterThanOrEqual(502);
    expect(await status(port, "GET", `/v1/key/bare-${withoutKey.key}`)).toBe(404);

    const client = overGrpc(port);
    const outcome = (call: Promise<unknown>) =>
      call.then(
        () => "ended",
        () => "failed",
      );
    const list = async () => (await received(() => outcome(client.list({ prefix: "key-" })))).result;
    // nginx never repeats a call over gRPC; HAProxy repeats it if its body has come with its headers.
    if (name === "nginx") expect(await list()).toBe("failed");
    else await until(async () => (await list()) === "ended");
    const write = await received((key) => outcome(client.put({ key: `grpc-${key}` })));
    expect(write.result).toBe("failed");
    const written = (await client.list({ prefix: "grpc-" }).catch(() => client.list({ prefix: "grpc-" })))
      .entries;
    expect(written.map(({ key }) => key)).not.toContain(`grpc-${write.key}`);
  });
});
