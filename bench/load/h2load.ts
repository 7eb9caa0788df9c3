import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load, Seen } from "./load.ts";
import { percentiles } from "./percentiles.ts";
import { runPinned } from "./run-pinned.ts";

/** Repeats one gRPC call. h2load checks HTTP statuses only, so check the response before. */
export async function runH2load(
  address: string,
  { requests, concurrency, seconds, perSecond }: Load,
): Promise<Seen> {
  const [request] = requests;
  if (request === undefined) throw new Error("there is nothing to send");
  const directory = await mkdtemp(join(tmpdir(), "h2load-"));
  try {
    const [body, log] = [join(directory, "body"), join(directory, "log")];
    await writeFile(body, request.body);
    // Up to 32 calls share a connection, as clients do.
    const streams = Math.min(32, Math.ceil(concurrency / 4));
    const connections = Math.ceil(concurrency / streams);
    const flags = [
      ...(perSecond === undefined ? [] : [`--rps=${Math.round(perSecond / connections)}`]),
      "-c",
      String(connections),
      "-m",
      String(streams),
      "-D",
      String(seconds),
    ];
    const headers = Object.entries(request.headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    const url = `http://${address}${request.path}`;
    const output = await runPinned(["h2load", ...flags, ...headers, "-d", body, `--log-file=${log}`, url]);
    const failed = Number(/(\d+) failed/.exec(output)?.[1]);
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    const latencies = lines.map((line) => Number(line.split("\t")[2]));
    return { requests: lines.length, failed, seconds, ...percentiles(latencies) };
  } finally {
    await rm(directory, { recursive: true });
  }
}
