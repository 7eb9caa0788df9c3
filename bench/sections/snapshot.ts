import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { keyOf, storeMany, withDuetKv } from "../duetkv.ts";
import { measure } from "../load/measure.ts";
import { grpcRequest } from "../load/requests.ts";
import { duetKv, type Run } from "../results.ts";

const valueBytes = 512;
const concurrency = 64;
/** About a fifth of what one core can do, so that the duration of a put is not that of a queue. */
const perSecond = 2000;

/** How fast a snapshot is read over REST, and the same puts without and beside one snapshot after the other. */
export async function snapshot(run: Run): Promise<void> {
  const count = run.quick ? 20_000 : 200_000;
  const value = "x".repeat(valueBytes);
  // One request: only h2load sends at a given rate, and it sends one.
  const requests = [grpcRequest(KeyValueService.method.put, { key: keyOf(0), value })];
  await withDuetKv([], async (server, client) => {
    await storeMany(client, count, value);
    await readOne(server.address);
    const section = "snapshot";
    const what = `${count} entries of ${valueBytes} B, read alone`;
    run.found({ section, what, value: await readOne(server.address), unit: "MB/s" });
    const seconds = run.quick ? run.seconds : 10;
    const load = { protocol: "grpc", requests, concurrency, seconds, perSecond } as const;
    const where = { section, server: duetKv, protocol: "gRPC", concurrency } as const;
    const alone = await measure(server, load);
    const aloneP99 = await readP99(server.address);
    run.measured({ ...where, what: `put ${valueBytes} B, ${perSecond} per second`, ...alone });
    const ending = new AbortController();
    const reading = readAgainAndAgain(server.address, ending.signal);
    const beside = await measure(server, load);
    const besideP99 = await readP99(server.address);
    ending.abort();
    run.measured({ ...where, what: "the same, beside snapshots all the time", ...beside });
    run.found({ section, what: "read beside these puts", value: await reading, unit: "MB/s" });
    // The reader and the load share a core: what the load generator sees is not the server's doing alone.
    run.found({ section, what: "p99 of these puts in the server, alone", value: aloneP99, unit: "ms" });
    run.found({
      section,
      what: "p99 of these puts in the server, beside snapshots",
      value: besideP99,
      unit: "ms",
    });
  });
}

/** Resolves with the rate of the fastest. */
async function readAgainAndAgain(address: string, signal: AbortSignal): Promise<number> {
  let best = 0;
  while (!signal.aborted) best = Math.max(best, await readOne(address));
  return best;
}

/** Resolves with the rate, in MB/s. */
async function readOne(address: string): Promise<number> {
  const start = performance.now();
  let bytes = 0;
  const { body } = await fetch(`http://${address}/v1/snapshot`);
  for await (const piece of body as ReadableStream<Uint8Array>) bytes += piece.length;
  return bytes / (performance.now() - start) / 1000;
}

/** The figures that the server reports for its last 10 seconds, in milliseconds. */
async function readP99(address: string): Promise<number> {
  const status = (await (await fetch(`http://${address}/v1/status`)).json()) as { callP99Seconds: number };
  return status.callP99Seconds * 1000;
}
