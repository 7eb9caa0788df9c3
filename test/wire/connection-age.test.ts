import { once } from "node:events";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ask, askHttp2, type Server, serve } from "./serve.ts";

/** A server whose connections live for a moment, and whose watches end when they are asked to. */
async function serveBriefly(): Promise<Server & { readonly ended: string[] }> {
  const ended: string[] = [];
  const limits = { ageMs: 1000, ageGraceMs: 100, endingMs: 100_000 };
  const server = await serve({ listener: { limits, onEnded: (reason) => ended.push(reason) } });
  server.memory.watch = async function* (signal) {
    yield { revision: 1n };
    if (!signal.aborted) await once(signal, "abort");
    throw signal.reason;
  };
  return { ...server, ended };
}

test.each([
  ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ["Connect over HTTP/2", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["Connect over HTTP/1.1", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
])("a watch on an aged connection ends with its reason over %s", async (_name, createTransport) => {
  const { port, ended } = await serveBriefly();
  const client = createClient(KeyValueService, createTransport(`http://127.0.0.1:${port}`));
  const failure = ConnectError.from(await Array.fromAsync(client.watch({})).catch((error: unknown) => error));
  expect(failure.code).toBe(Code.Unavailable);
  expect(failure.findDetails(ErrorInfoSchema)[0]?.reason).toBe("CONNECTION_AGED");
  expect(ended).toEqual(["age"]);
});

test.each([
  ["HTTP/1.1", ask],
  ["HTTP/2", askHttp2],
])("an event stream on an aged connection ends with its reason over %s", async (_name, send) => {
  const { port, ended } = await serveBriefly();
  const { body } = await send(port, "GET", "/v1/key:watch");
  expect(body).toMatch(/event: end\ndata: \{"code":"unavailable".*CONNECTION_AGED/);
  expect(ended).toEqual(["age"]);
});
