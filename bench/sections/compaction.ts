import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { keyOf, storeMany, withDuetKv } from "../duetkv.ts";
import { measure } from "../load/measure.ts";
import { grpcRequest } from "../load/requests.ts";
import { duetKv, type Run } from "../results.ts";

const value = "x".repeat(1024);
const count = 2000;

/** The same writes twice: without compaction, and with one after the other all the time. */
export async function compaction(run: Run): Promise<void> {
  const requests = Array.from({ length: count }, (_, index) =>
    grpcRequest(KeyValueService.method.put, { key: keyOf(index), value }),
  );
  const cases = [
    { what: "put 1 KiB, no compaction", bytesMin: 1e12 },
    { what: "put 1 KiB, compaction all the time", bytesMin: 1 },
  ];
  for (const { what, bytesMin } of cases) {
    // The log is compacted up to the history, which must be short to make garbage at once.
    const flags = ["--compaction-bytes-min", String(bytesMin), "--watch-history-events-max", "1000"];
    await withDuetKv(flags, async (server, client) => {
      await storeMany(client, run.quick ? 10_000 : 50_000, value.slice(0, 64));
      const seconds = run.quick ? run.seconds : 10;
      const figures = await measure(server, { protocol: "grpc", requests, concurrency: 64, seconds });
      const where = { section: "compaction", what, server: duetKv };
      run.measured({ ...where, protocol: "gRPC", concurrency: 64, ...figures });
    });
  }
}
