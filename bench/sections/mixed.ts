import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { keyOf, storeMany, withDuetKv } from "../duetkv.ts";
import { measure } from "../load/measure.ts";
import { grpcRequest } from "../load/requests.ts";
import { duetKv, type Run } from "../results.ts";

const value = "x".repeat(64);

/** Nine reads to a synced write, on a thousand keys at random. Made by the generator of Node's, which bounds the rate. */
export async function mixed(run: Run): Promise<void> {
  await withDuetKv([], async (server, client) => {
    await storeMany(client, 1000, value);
    const requests = Array.from({ length: 1000 }, (_, index) =>
      index % 10 === 0
        ? grpcRequest(KeyValueService.method.put, { key: keyOf(index), value })
        : grpcRequest(KeyValueService.method.get, { key: keyOf(index) }),
    );
    for (const concurrency of run.quick ? [64] : [1, 64, 1024]) {
      const figures = await measure(server, {
        protocol: "grpc",
        requests,
        concurrency,
        seconds: run.seconds,
      });
      const where = { section: "mixed", what: "90 % get, 10 % put, 64 B", server: duetKv };
      run.measured({ ...where, protocol: "gRPC", concurrency, ...figures });
    }
  });
}
