import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Database } from "../../src/database.ts";
import { defaultLimits } from "../../src/limits.ts";
import { createKeyValueService } from "../../src/service/key-value-service.ts";
import { reserveSlabs } from "../../src/store/memory/slabs.ts";
import { TreeStore } from "../../src/store/tree-store.ts";
import type { Value } from "../../src/transaction-log/transaction-logger.ts";
import { registerService } from "../../src/wire/method-table.ts";
import { applyNext, put } from "../store/store-model.ts";
import { serveService } from "../wire/call/serve-service.ts";
import { ask, askHttp2 } from "../wire/serve.ts";

const values = {
  empty: "",
  short: "value",
  text: "größer als 💯",
  long: "größer als 💯".repeat(10_000),
  bytes: Uint8Array.from({ length: 1000 }, (_, index) => index),
} satisfies Record<string, Value>;
const keys = Object.keys(values) as (keyof typeof values)[];

/**
 * Serves reads of a store outside of the heap. After each read and before its response, all entries are overwritten in the
 * same turn of the event loop, as a write may do while an asynchronous wrapper of the handler waits.
 */
async function serveWhileOverwritten(fastPath: boolean) {
  const store = new TreeStore(reserveSlabs(1));
  for (const key of keys) applyNext(store, put(key, values[key]));
  const database: Pick<Database, "revision" | "view" | "fresh"> = {
    revision: store.revision,
    view: (key) => store.view(key),
    fresh: () => undefined,
  };
  const service = createKeyValueService(database as Database, defaultLimits);
  const overwritten = async <Response>(reading: Response): Promise<Awaited<Response>> => {
    const response = await reading;
    for (let round = 0; round < 50; round++) {
      for (const key of keys) applyNext(store, put(key, "overwritten"));
      store.publish();
    }
    for (const key of keys) applyNext(store, put(key, values[key]));
    store.publish();
    return response;
  };
  const { get, batchGet } = service;
  service.get = (request, context) => overwritten(get(request, context));
  service.batchGet = (request, context) => overwritten(batchGet(request, context));
  const server = await serveService(registerService(KeyValueService, service), { fastPath });
  return { ...server, store, origin: `http://127.0.0.1:${server.port}` };
}

function valueOf(entry: { value?: string | undefined; bytesValue?: Uint8Array | undefined } | undefined) {
  return entry?.value ?? new Uint8Array(entry?.bytesValue ?? []);
}

const protocols: readonly [name: string, connect: (baseUrl: string) => Transport][] = [
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  [
    "Connect, JSON",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ],
];

describe.each([
  ["our own protocols", true],
  ["Connect's library", false],
])("%s", (_name, fastPath) => {
  test.each(protocols)("%s: a response has what was read", async (_protocol, connect) => {
    const { origin, errors } = await serveWhileOverwritten(fastPath);
    const client = createClient(KeyValueService, connect(origin));
    for (const key of keys) {
      const { entry } = await client.get({ key });
      expect([entry?.key, valueOf(entry)]).toEqual([key, values[key]]);
    }
    const { entries } = await client.batchGet({ keys });
    expect(entries.map(valueOf)).toEqual(Object.values(values));
    expect(errors).toEqual([]);
  });
});

test.each([
  ["HTTP/1.1", ask],
  ["HTTP/2", askHttp2],
])("REST over %s: a body is the value that was read", async (_version, send) => {
  const { port, errors } = await serveWhileOverwritten(true);
  for (const key of keys) {
    const { status, bytes } = await send(port, "GET", `/v1/key/${key}`);
    expect([status, bytes]).toEqual([200, Buffer.from(values[key])]);
    const json = await send(port, "GET", `/v1/key/${key}`, { headers: { accept: "application/json" } });
    const encoded =
      key === "bytes" ? { bytesValue: Buffer.from(values.bytes).toString("base64") } : { value: values[key] };
    expect(JSON.parse(json.body)).toMatchObject({ key, ...encoded });
  }
  expect(errors).toEqual([]);
});
