import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { keyOf, startDuetKv, storeMany, withClient, withDirectory } from "../duetkv.ts";
import { measure } from "../load/measure.ts";
import { grpcRequest } from "../load/requests.ts";
import { duetKv, type Run } from "../results.ts";
import type { ServerProcess } from "../server-process.ts";

const section = "million";
const value = "x".repeat(64);

/** A store of a million entries: what they cost, what it costs to start with them, and to read any of them. */
export async function million(run: Run): Promise<void> {
  const count = run.quick ? 100_000 : 1_000_000;
  await withDirectory(async (directory) => {
    const empty = await startDuetKv(directory);
    const emptyBytes = empty.residentBytes();
    const emptyStartMs = empty.startMs;
    await withClient(empty.address, (client) => storeMany(client, count, value));
    await empty.stop();

    const full = await startDuetKv(directory);
    try {
      const replaySeconds = (full.startMs - emptyStartMs) / 1000;
      const what = `${count} entries of 11 B key and 64 B value`;
      run.found({ section, what: `replay of ${what}`, value: count / replaySeconds, unit: "entries/s" });
      run.found({ section, what: `start with ${what}`, value: full.startMs / 1000, unit: "s" });
      const perEntry = (full.residentBytes() - emptyBytes) / count;
      run.found({
        section,
        what: `memory of ${what}, after replay`,
        value: perEntry,
        unit: "B an entry (RSS)",
      });
      await readKeys(run, full, "get, one hot key", [keyOf(0)]);
      const step = Math.floor(count / 20_000);
      const keys = Array.from({ length: 20_000 }, (_, index) => keyOf(index * step));
      await readKeys(run, full, "get, keys at random", keys);
    } finally {
      await full.stop();
    }
  });
}

/** Both with the generator of Node's, which can choose among keys: two requests of the same key keep it from h2load. */
async function readKeys(
  run: Run,
  server: ServerProcess,
  what: string,
  keys: readonly string[],
): Promise<void> {
  const requests = [...keys, keys[0] as string].map((key) =>
    grpcRequest(KeyValueService.method.get, { key }),
  );
  const figures = await measure(server, {
    protocol: "grpc",
    requests,
    concurrency: 64,
    seconds: run.seconds,
  });
  run.measured({ section, what, server: duetKv, protocol: "gRPC", concurrency: 64, ...figures });
}
