// Measures the HTTP/2 protocol alone: our own and node:http2, each with nothing behind it, in alternating rounds. Prints CPU
// time and calls for each load. Arguments: rounds (3), calls of a round (100,000).
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runPinned } from "../load/run-pinned.ts";
import { startNodeServer } from "../server-process.ts";

const [rounds = 3, calls = 100_000] = process.argv.slice(2).map(Number);
const loads = [
  { name: "64 B, 4 × 16", valueBytes: 64, connections: 4, streams: 16, calls },
  { name: "64 B, 64 × 16", valueBytes: 64, connections: 64, streams: 16, calls },
  { name: "64 B, 1 × 1", valueBytes: 64, connections: 1, streams: 1, calls: calls / 10 },
  { name: "64 KiB, 4 × 16", valueBytes: 65_536, connections: 4, streams: 16, calls: calls / 5 },
] as const;
const servers = { own: "own-http2.ts", "node:http2": "bare-http2.ts" } as const;

const directory = await mkdtemp(join(tmpdir(), "http2-"));
const body = join(directory, "body");
// A GetRequest for the key "key".
await writeFile(body, Buffer.of(0, 0, 0, 0, 5, 0x0a, 3, 0x6b, 0x65, 0x79));

async function measure(server: string, load: (typeof loads)[number]) {
  const process = await startNodeServer(join(import.meta.dirname, "../peers", server), [
    String(load.valueBytes),
  ]);
  const send = (count: number) =>
    runPinned([
      "h2load",
      ...Object.entries({ "-c": load.connections, "-m": load.streams, "-n": count, "-w": 20, "-W": 22 })
        .flat()
        .map(String),
      ...["content-type: application/grpc", "te: trailers"].flatMap((header) => ["-H", header]),
      "-d",
      body,
      `http://${process.address}/duetkv.v1.KeyValueService/Get`,
    ]);
  try {
    await send(load.calls / 5);
    const before = process.cpuMicros();
    const output = await send(load.calls);
    if (!output.includes(`${load.calls} succeeded, 0 failed`)) throw new Error(output);
    const perSecond = Number(/([\d.]+) req\/s/.exec(output)?.[1]);
    return { micros: (process.cpuMicros() - before) / load.calls, perSecond };
  } finally {
    await process.stop();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

try {
  for (const load of loads) {
    const seen = new Map<string, { micros: number; perSecond: number }[]>();
    for (let round = 0; round < rounds; round++) {
      for (const [name, script] of Object.entries(servers)) {
        seen.set(name, [...(seen.get(name) ?? []), await measure(script, load)]);
      }
    }
    for (const [name, results] of seen) {
      const micros = median(results.map((result) => result.micros)).toFixed(1);
      const perSecond = Math.round(median(results.map((result) => result.perSecond)));
      console.log(`${load.name}\t${name}\t${micros} µs of CPU a call\t${perSecond} calls/s`);
    }
  }
} finally {
  await rm(directory, { recursive: true });
}
