import { connect } from "node:http2";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { registerService } from "../../src/wire/method-table.ts";
import { serveService } from "./call/serve-service.ts";

async function serve() {
  const commit = vi.fn<() => object>(() => ({}));
  const batchGet = vi.fn<() => object>(() => ({}));
  const watch = vi.fn<() => AsyncIterable<object>>(async function* () {});
  const service = registerService(KeyValueService, { commit, batchGet, watch });
  const { port } = await serveService(service, { limits: { commitOperationsMax: 3, batchGetKeysMax: 2 } });
  return { port, commit, batchGet, watch };
}

async function callGrpc(port: number, method: string, message: Uint8Array) {
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": `/duetkv.v1.KeyValueService/${method}`,
    "content-type": "application/grpc",
  });
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([header, message]));
  stream.resume();
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    const settle = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] !== undefined) resolve([headers["grpc-status"], headers["grpc-message"]]);
    };
    stream.on("response", settle).on("trailers", settle);
  });
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { code, message } = (await response.json()) as Record<string, unknown>;
  return [response.status, code, message];
}

const tooManyOperations = "a commit has at most 3 operations";
const tooManyKeys = "a batch reads 1 to 2 keys";
const tooManyWatched = "a watch has at most 2 keys and prefixes";
const invalid = String(Code.InvalidArgument);

test("gRPC: a commit of 1.9 million mutations, a batch and a watch of too many keys reach no handler", async () => {
  const { port, commit, batchGet, watch } = await serve();
  const mutations = Buffer.alloc(3_800_000).fill(Buffer.of(0x12, 0x00));
  expect(await callGrpc(port, "Commit", mutations)).toEqual([invalid, tooManyOperations]);
  expect(await callGrpc(port, "Commit", mutations.subarray(0, 6))).toEqual(["0", undefined]);
  const keys = Buffer.alloc(6).fill(Buffer.of(0x0a, 0x00));
  expect(await callGrpc(port, "BatchGet", keys)).toEqual([invalid, tooManyKeys]);
  expect(await callGrpc(port, "BatchGet", keys.subarray(0, 4))).toEqual(["0", undefined]);
  // Two keys and a prefix.
  const union = Buffer.of(0x32, 0x00, 0x32, 0x00, 0x3a, 0x00);
  expect(await callGrpc(port, "Watch", union)).toEqual([invalid, tooManyWatched]);
  expect(await callGrpc(port, "Watch", union.subarray(2))).toEqual(["0", undefined]);
  expect([commit, batchGet, watch].map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1]);
});

test.each([
  ["Connect", "duetkv.v1.KeyValueService/Commit", "duetkv.v1.KeyValueService/BatchGet"],
  ["REST", "v1/key:commit", "v1/key:batchGet"],
])(
  "JSON over %s: lists are refused before their elements are looked at",
  async (_, commitPath, batchGetPath) => {
    const { port, commit, batchGet } = await serve();
    const origin = `http://127.0.0.1:${port}`;
    // No number is a mutation, nor a key.
    const refused = [400, "invalid_argument"];
    const lists = { checks: [1], mutations: [1, 2, 3] };
    expect(await post(`${origin}/${commitPath}`, lists)).toEqual([...refused, tooManyOperations]);
    expect(await post(`${origin}/${batchGetPath}`, { keys: [1, 2, 3] })).toEqual([...refused, tooManyKeys]);
    expect([commit, batchGet].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  },
);
