import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ask, exchangeBytes, serve } from "./serve.ts";

type Make = (baseUrl: string) => Client<typeof KeyValueService>;

const clients: [string, Make][] = [
  ["gRPC", (baseUrl) => createClient(KeyValueService, createGrpcTransport({ baseUrl }))],
  [
    "gRPC-Web, HTTP/1.1",
    (baseUrl) => createClient(KeyValueService, createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })),
  ],
  [
    "gRPC-Web, HTTP/2",
    (baseUrl) => createClient(KeyValueService, createGrpcWebTransport({ baseUrl, httpVersion: "2" })),
  ],
  [
    "Connect, HTTP/1.1, JSON",
    (baseUrl) => createClient(KeyValueService, createConnectTransport({ baseUrl, httpVersion: "1.1" })),
  ],
  [
    "Connect, HTTP/2, binary",
    (baseUrl) =>
      createClient(
        KeyValueService,
        createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
      ),
  ],
  [
    "Connect, GET",
    (baseUrl) =>
      createClient(
        KeyValueService,
        createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true }),
      ),
  ],
];

describe.each(clients)("%s", (_name, make) => {
  test("calls, fails with a reason, and streams", async () => {
    const { port, memory, errors } = await serve();
    const client = make(`http://127.0.0.1:${port}`);
    expect(await client.put({ key: "a", value: "Hello" })).toMatchObject({ revision: 1n });
    expect((await client.get({ key: "a" })).entry).toMatchObject({ key: "a", value: "Hello" });
    const failure = ConnectError.from(await client.get({ key: "b" }).catch((error: unknown) => error));
    expect(failure.code).toBe(Code.NotFound);
    expect(failure.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "NO_SUCH_KEY",
      domain: "duetkv",
    });
    memory.watch = async function* () {
      yield { revision: 1n };
      yield { revision: 2n };
    };
    const revisions: bigint[] = [];
    for await (const { revision } of client.watch({})) revisions.push(revision);
    expect(revisions).toEqual([1n, 2n]);
    expect(errors).toEqual([]);
  });

  test("is refused when it sends too much", async () => {
    const { port } = await serve({ limits: { requestBytesMax: 1000 } });
    const client = make(`http://127.0.0.1:${port}`);
    await expect(client.put({ key: "a", value: "x".repeat(100_000) })).rejects.toMatchObject({
      code: Code.ResourceExhausted,
    });
    expect(await client.put({ key: "a", value: "x" })).toMatchObject({ revision: 1n });
  });
});

test("a client that leaves a stream aborts the signal, and nobody calls that an error", async () => {
  const { port, memory, errors } = await serve();
  let ended = 0;
  memory.watch = async function* (signal) {
    try {
      yield { revision: 1n };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    } finally {
      ended++;
    }
  };
  for (const [, make] of clients.slice(0, 4)) {
    const leave = new AbortController();
    const watching = make(`http://127.0.0.1:${port}`).watch({}, { signal: leave.signal });
    await watching[Symbol.asyncIterator]().next();
    leave.abort();
  }
  await expect.poll(() => ended).toBe(4);
  expect(errors).toEqual([]);
});

test("a timeout that no timer can keep is none", async () => {
  const { port, memory } = await serve();
  const endless = [{ "connect-timeout-ms": "9999999999" }, { "grpc-timeout": "99999999H" }] as const;
  for (const [index, which] of [clients[4], clients[0]].entries()) {
    const [, make] = which as (typeof clients)[number];
    const headers = endless[index] as (typeof endless)[number];
    const watching = make(`http://127.0.0.1:${port}`).watch({}, { headers });
    await watching[Symbol.asyncIterator]().next();
    expect(memory.contexts[index]?.timeoutMs()).toBeUndefined();
  }
  const path = "/duetkv.v1.KeyValueService/Put";
  const body = '{"key":"a","value":"x"}';
  const headers = { "content-type": "application/json", "connect-timeout-ms": "9999999999" };
  expect((await ask(port, "POST", path, { headers, body })).status).toBe(200);
  expect(
    (await ask(port, "PUT", "/v1/key/a", { headers: { "connect-timeout-ms": "9999999999" }, body })).status,
  ).toBe(201);
  expect(
    (await ask(port, "PUT", "/v1/key/a", { headers: { "connect-timeout-ms": "soon" }, body })).status,
  ).toBe(400);
});

test("a host that new URL refuses, and the absolute form, are answered", async () => {
  const { port } = await serve();
  const body = '{"key":"a"}';
  const rest = `content-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (const host of ["1.2.3.4.5", "999.1", "x:99999", "%zz", "xn--"]) {
    const answer = await exchangeBytes(
      port,
      `POST /duetkv.v1.KeyValueService/Get HTTP/1.1\r\nhost: ${host}\r\n${rest}`,
    );
    expect([host, answer.slice(0, 12)]).toEqual([host, expect.stringMatching(/HTTP\/1.1 40[04]/)]);
  }
  const absolute = `POST http://x/duetkv.v1.KeyValueService/Get HTTP/1.1\r\nhost: x\r\n${rest}`;
  expect(await exchangeBytes(port, absolute)).toMatch(/NO_SUCH_KEY/);
});
