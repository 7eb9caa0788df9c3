import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Request } from "./load.ts";
import {
  commitOf,
  etcdGateway,
  etcdPut,
  etcdRange,
  etcdTransaction,
  grpcRequest,
  restGet,
  restPut,
  webdisGet,
  webdisSet,
  webdisSetMany,
} from "./requests.ts";

/** How a server is asked for what all of them can do. */
export interface Dialect {
  get(key: string): Request;
  put(key: string, value: string): Request;
  /** The same value under many keys, in one call; it need not be the server's fastest way. */
  putMany(keys: readonly string[], value: string): Request;
  /** The number of keys of one such call. */
  readonly keysMax: number;
}

export const duetKvGrpc: Dialect = {
  get: (key) => grpcRequest(KeyValueService.method.get, { key }),
  put: (key, value) => grpcRequest(KeyValueService.method.put, { key, value }),
  putMany: commitOf,
  keysMax: 1000,
};

export const duetKvRest: Dialect = { ...duetKvGrpc, get: restGet, put: restPut };

/** etcd reads serializable, which is the least that it can do. */
export const etcdGrpc: Dialect = {
  get: etcdRange,
  put: etcdPut,
  putMany: etcdTransaction,
  keysMax: 128,
};

export const etcdJson: Dialect = {
  ...etcdGrpc,
  get: (key) => etcdGateway("range", { key: base64(key), serializable: true }),
  put: (key, value) => etcdGateway("put", { key: base64(key), value: base64(value) }),
};

export const webdis: Dialect = { get: webdisGet, put: webdisSet, putMany: webdisSetMany, keysMax: 100 };

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
