import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import {
  etcdGateway,
  etcdPut,
  etcdRange,
  grpcRequest,
  restGet,
  restPut,
  webdisGet,
  webdisSet,
} from "../load/requests.ts";
import type { Run } from "../results.ts";
import { type Contender, compete } from "./servers.ts";

const key = "benchmark/key";
const encodedKey = Buffer.from(key).toString("base64");

/** One key is read again and again. etcd reads serializable, which is the least that it can do. */
export async function gets(run: Run): Promise<void> {
  for (const valueBytes of [64, 1024, 65_536]) {
    const sweep = run.quick ? [16, 64] : [1, 16, 64, 1024];
    await compete(run, {
      section: "gets",
      what: `get ${valueBytes} B`,
      valueBytes,
      concurrencies: valueBytes === 64 ? sweep : [64],
      requests: (contender) => requestsFor(contender, "x".repeat(valueBytes)),
    });
  }
}

function requestsFor({ name, protocol }: Contender, value: string) {
  if (name === "etcd") return { before: etcdPut(key, value), request: etcdRange(key) };
  if (name === "etcd's JSON gateway") {
    const put = { key: encodedKey, value: Buffer.from(value).toString("base64") };
    return {
      before: etcdGateway("put", put),
      request: etcdGateway("range", { key: encodedKey, serializable: true }),
    };
  }
  if (name === "redis and webdis") return { before: webdisSet(key, value), request: webdisGet(key) };
  if (protocol === "HTTP/1.1") return { before: restPut(key, value), request: restGet(key) };
  return {
    before: grpcRequest(KeyValueService.method.put, { key, value }),
    request: grpcRequest(KeyValueService.method.get, { key }),
  };
}
