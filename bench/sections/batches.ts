import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { keyOf, storeMany, withDuetKv } from "../duetkv.ts";
import type { Request } from "../load/load.ts";
import { measure } from "../load/measure.ts";
import { batchGetOf, commitOf, grpcRequest } from "../load/requests.ts";
import { duetKv, type Run } from "../results.ts";

const section = "batches";
const value = "x".repeat(64);
const { method } = KeyValueService;

/** Many keys in one call: BatchGet, Commit and pages of List. */
export async function batches(run: Run): Promise<void> {
  await withDuetKv([], async (server, client) => {
    await storeMany(client, 10_000, value);
    const cases: readonly { what: string; keys: number; concurrency: number; request: Request }[] = [
      ...[1, 10, 100].map((keys) => ({
        what: `commit of ${keys} put${keys === 1 ? "" : "s"}`,
        keys,
        concurrency: 64,
        request: commitOf(keysOf(keys), value),
      })),
      {
        what: "batchGet of 100 keys",
        keys: 100,
        concurrency: 64,
        request: batchGetOf(keysOf(100)),
      },
      ...[100, 1000].map((pageSize) => ({
        what: `page of ${pageSize} entries`,
        keys: pageSize,
        concurrency: 16,
        request: grpcRequest(method.list, { prefix: "key ", pageSize }),
      })),
    ];
    for (const { what, keys, concurrency, request } of cases) {
      const load = { protocol: "grpc" as const, requests: [request], concurrency, seconds: run.seconds };
      const figures = await measure(server, load);
      run.measured({ section, what, server: duetKv, protocol: "gRPC", concurrency, ...figures });
      run.found({ section, what, value: figures.perSecond * keys, unit: "keys/s" });
    }
  });
}

function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => keyOf(index * 7));
}
