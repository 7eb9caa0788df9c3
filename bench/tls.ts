// What TLS and client certificates cost a gRPC get, and node:http2 alone: `node bench/tls.ts`. All servers run side by side
// and take turns; a ratio is the median of those of the rounds.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { keyOf, startDuetKv, withDirectory } from "./duetkv.ts";
import type { Load } from "./load/load.ts";
import { type Figures, measureWarm, middleOf } from "./load/measure.ts";
import { grpcRequest } from "./load/requests.ts";
import { pinThisProcess, type ServerProcess, startNodeServer } from "./server-process.ts";

const rounds = Number(process.env["ROUNDS"] ?? 10);
const valueBytes = 64;
const bareServer = new URL("peers/bare-http2.ts", import.meta.url).pathname;
const { get, put } = KeyValueService.method;
const wires = ["cleartext", "TLS", "mTLS"] as const;

interface Contender {
  readonly server: ServerProcess;
  readonly load: Load;
}

interface Files {
  readonly cert: string;
  readonly key: string;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** One certificate for all: it signs itself, and server and client show it. */
async function writeFiles(directory: string): Promise<Files> {
  const pair = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  const [cert, key] = [join(directory, "tls.crt"), join(directory, "tls.key")] as [string, string];
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.private);
  return { cert, key, tls: { ca: pair.cert, cert: pair.cert, key: pair.private } };
}

async function startBoth(
  directory: string,
  wire: (typeof wires)[number],
  files: Files,
): Promise<[Contender, Contender]> {
  const { cert, key, tls } = files;
  const settings = {
    cleartext: {},
    TLS: { "tls-cert": cert, "tls-key": key },
    mTLS: { "tls-cert": cert, "tls-key": key, "tls-client-ca": cert },
  }[wire];
  const flags = Object.entries(settings).flatMap(([name, file]) => [`--${name}`, file]);
  const ours = await startDuetKv(join(directory, wire), flags);
  const bare = await startNodeServer(bareServer, [String(valueBytes), ...Object.values(settings)]);
  const request = grpcRequest(get, { key: keyOf(0) });
  const load: Load = {
    protocol: "grpc",
    // Twice the same: one alone would have another generator in cleartext.
    requests: [request, request],
    concurrency: 64,
    seconds: 1,
    ...(wire === "TLS" && { tls: { ca: tls.ca } }),
    ...(wire === "mTLS" && { tls }),
  };
  const value = "v".repeat(valueBytes);
  await measureWarm(ours, { ...load, requests: [grpcRequest(put, { key: keyOf(0), value })] });
  return [
    { server: ours, load },
    { server: bare, load },
  ];
}

const rate = ({ perSecond }: Figures): number => perSecond;
const cpu = ({ cpuMicros }: Figures): number => cpuMicros;

/** One row for each wire: the service against the bare server, and against itself in cleartext. */
function show(rows: readonly (readonly Figures[])[]): void {
  const ratio = (one: number, other: number, figure: (figures: Figures) => number): string =>
    middleOf(rows.map((row) => figure(row[one] as Figures) / figure(row[other] as Figures))).toFixed(2);
  console.log("| | get/s of node:http2 | CPU of node:http2 | get/s of cleartext | CPU of cleartext |");
  console.log("| --- | ---: | ---: | ---: | ---: |");
  for (const [at, wire] of wires.entries()) {
    const [ours, bare] = [2 * at, 2 * at + 1];
    const cells = [
      ratio(ours, bare, rate),
      ratio(ours, bare, cpu),
      ratio(ours, 0, rate),
      ratio(ours, 0, cpu),
    ];
    console.log(`| ${wire} | ${cells.join(" | ")} |`);
  }
}

pinThisProcess();
await withDirectory(async (directory) => {
  const files = await writeFiles(directory);
  const pairs = [];
  for (const wire of wires) pairs.push(await startBoth(directory, wire, files));
  const contenders = pairs.flat();
  try {
    const figures: Figures[][] = [];
    for (let round = -2; round < rounds; round++) {
      const each: Figures[] = [];
      for (const { server, load } of contenders) each.push(await measureWarm(server, load));
      // The first rounds warm the servers up.
      if (round >= 0) figures.push(each);
    }
    show(figures);
  } finally {
    await Promise.all(contenders.map(({ server }) => server.stop()));
  }
});
