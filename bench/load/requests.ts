import { create, type DescMethodUnary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Request } from "./load.ts";

/** A unary gRPC call of any generated service. */
export function grpcRequest<Method extends DescMethodUnary>(
  method: Method,
  message: MessageInitShape<Method["input"]>,
): Request {
  const path = `/${method.parent.typeName}/${method.name}`;
  return grpcCall(path, toBinary(method.input, create(method.input, message)));
}

export function batchGetOf(keys: readonly string[]): Request {
  return grpcRequest(KeyValueService.method.batchGet, { keys: [...keys] });
}

/** A put of the same value under each key. */
export function commitOf(keys: readonly string[], value: string): Request {
  const mutations = keys.map((key) => ({ kind: { case: "put" as const, value: { key, value } } }));
  return grpcRequest(KeyValueService.method.commit, { mutations });
}

function grpcCall(path: string, message: Uint8Array): Request {
  const headers = { "content-type": "application/grpc", te: "trailers" };
  return { method: "POST", path, headers, body: frameMessage(message) };
}

/** Compression flag, length, message. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

export function restGet(key: string): Request {
  return { method: "GET", path: `/v1/key/${encodeURIComponent(key)}`, headers: {}, body: new Uint8Array() };
}

export function restPut(key: string, value: string): Request {
  const headers = { "content-type": "text/plain" };
  return { method: "PUT", path: `/v1/key/${encodeURIComponent(key)}`, headers, body: Buffer.from(value) };
}

/** etcd's messages are few and flat enough to be written by hand. */
export function etcdRange(key: string): Request {
  const message = new BinaryWriter().tag(1, 2).string(key).tag(7, 0).bool(true).finish();
  return grpcCall("/etcdserverpb.KV/Range", message);
}

export function etcdPut(key: string, value: string): Request {
  const message = new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string(value).finish();
  return grpcCall("/etcdserverpb.KV/Put", message);
}

export function etcdTransaction(keys: readonly string[], value: string): Request {
  const message = new BinaryWriter();
  for (const key of keys) {
    // success: a list of operations, each of which is a put.
    message.tag(2, 2).fork().tag(2, 2).fork().tag(1, 2).string(key).tag(2, 2).string(value).join().join();
  }
  return grpcCall("/etcdserverpb.KV/Txn", message.finish());
}

export function etcdGateway(call: "range" | "put", fields: object): Request {
  const body = Buffer.from(JSON.stringify(fields));
  return { method: "POST", path: `/v3/kv/${call}`, headers: { "content-type": "application/json" }, body };
}

/** webdis returns the value itself when the key ends in `.txt`. */
export function webdisGet(key: string): Request {
  const path = `/GET/${encodeURIComponent(key)}.txt`;
  return { method: "GET", path, headers: {}, body: new Uint8Array() };
}

export function webdisSetMany(keys: readonly string[], value: string): Request {
  const command = ["MSET", ...keys.flatMap((key) => [key, value])].map(encodeURIComponent).join("/");
  return { method: "POST", path: "/", headers: {}, body: Buffer.from(command) };
}

export function webdisSet(key: string, value: string): Request {
  return {
    method: "PUT",
    path: `/SET/${encodeURIComponent(key)}`,
    headers: {},
    body: Buffer.from(value),
  };
}
