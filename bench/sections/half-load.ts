import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { startDuetKv, withDirectory } from "../duetkv.ts";
import type { Load } from "../load/load.ts";
import { hasH2load, measure, measureWarm, median } from "../load/measure.ts";
import { grpcRequest } from "../load/requests.ts";
import { duetKv, type Run } from "../results.ts";
import { type ServerProcess, startNodeServer } from "../server-process.ts";

const key = "benchmark/key";
const value = "x".repeat(64);
const bare = new URL("../peers/bare-http2.ts", import.meta.url).pathname;

/** The duration of a get at half of the server's maximum load, beside the bare server at the same rate. */
export async function halfLoad(run: Run): Promise<void> {
  // Only h2load sends at a given rate.
  if (!hasH2load) return;
  await withDirectory(async (directory) => {
    const ours = await startDuetKv(directory);
    const peer = await startNodeServer(bare, [String(value.length)]);
    try {
      const put = grpcRequest(KeyValueService.method.put, { key, value });
      await measure(ours, { protocol: "grpc", requests: [put], concurrency: 1, seconds: 1 });
      await compare(run, ours, peer);
    } finally {
      await ours.stop("SIGKILL");
      await peer.stop("SIGKILL");
    }
  });
}

async function compare(run: Run, ours: ServerProcess, peer: ServerProcess): Promise<void> {
  const request = grpcRequest(KeyValueService.method.get, { key });
  const load: Load = { protocol: "grpc", requests: [request], concurrency: 64, seconds: 1 };
  await measure(peer, load);
  const { perSecond } = await measure(ours, { ...load, seconds: run.seconds });
  const half = { ...load, perSecond: perSecond / 2 };
  const turns = [];
  for (let round = 0; round < run.rounds; round++) {
    turns.push({ ours: await measureWarm(ours, half), peer: await measureWarm(peer, half) });
  }
  const where = { section: "half load", what: "get 64 B, at half of Duet KV's peak", concurrency: 64 };
  const rows = [
    [duetKv, turns.map((turn) => turn.ours)],
    ["bare node:http2", turns.map((turn) => turn.peer)],
  ] as const;
  for (const [server, rounds] of rows) {
    run.measured({ ...where, server, protocol: "gRPC", ...median(rounds) });
  }
}
