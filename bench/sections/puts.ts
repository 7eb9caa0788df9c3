import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { etcdGateway, etcdPut, grpcRequest, restPut, webdisSet } from "../load/requests.ts";
import type { Run } from "../results.ts";
import { type Contender, compete } from "./servers.ts";

const key = "benchmark/key";
const value = "x".repeat(64);

/** Every put is synced before it is answered, except by the bare servers, which keep nothing. */
export async function puts(run: Run): Promise<void> {
  await compete(run, {
    section: "puts",
    what: "put 64 B",
    valueBytes: 64,
    concurrencies: run.quick ? [64] : [1, 64, 1024],
    requests: (contender) => ({ request: requestFor(contender) }),
  });
}

function requestFor({ name, protocol }: Contender) {
  if (name === "etcd") return etcdPut(key, value);
  if (name === "etcd's JSON gateway") {
    return etcdGateway("put", { key: base64(key), value: base64(value) });
  }
  if (name === "redis and webdis") return webdisSet(key, value);
  if (protocol === "HTTP/1.1") return restPut(key, value);
  return grpcRequest(KeyValueService.method.put, { key, value });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
