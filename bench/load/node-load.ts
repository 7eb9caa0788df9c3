import type { Load, Seen } from "./load.ts";
import { percentiles } from "./percentiles.ts";
import { runPinned } from "./run-pinned.ts";

const generator = new URL("node-generator.ts", import.meta.url).pathname;

/**
 * The generator that is always there, in a process of its own. Over HTTP/1.1 it costs about as much CPU as a server does,
 * so that it is the other side's figures per second that it bounds, never the CPU per request.
 */
export async function runNodeLoad(address: string, load: Load): Promise<Seen> {
  const requests = load.requests.map((request) => ({
    ...request,
    body: Buffer.from(request.body).toString("base64"),
  }));
  const input = JSON.stringify({ ...load, requests, address });
  const { latencies, ...seen } = JSON.parse(await runPinned([process.execPath, generator], input));
  return { ...seen, ...percentiles(latencies) };
}
