import { startDuetKv, withDirectory } from "../duetkv.ts";
import type { Load, Request } from "../load/load.ts";
import { measure } from "../load/measure.ts";
import { etcdVersion, startEtcd } from "../peers/etcd.ts";
import { duetKv, type Protocol, type Run } from "../results.ts";
import { type ServerProcess, startServer } from "../server-process.ts";

/** A server, and the request that asks it for the same as the others. */
export interface Contender {
  readonly name: string;
  readonly protocol: Protocol;
  readonly start: (directory: string, valueBytes: number) => Promise<ServerProcess>;
}

function peer(script: string, argument: "directory" | "valueBytes") {
  const path = new URL(`../peers/${script}.ts`, import.meta.url).pathname;
  return (directory: string, valueBytes: number) =>
    startServer([process.execPath, path, argument === "directory" ? directory : String(valueBytes)]);
}

const etcd: readonly Contender[] =
  etcdVersion === undefined
    ? []
    : [
        { name: "etcd", protocol: "gRPC", start: startEtcd },
        { name: "etcd's JSON gateway", protocol: "HTTP/1.1", start: startEtcd },
      ];

const startHere = (directory: string) => startDuetKv(directory);

/** Duet KV comes first; the others are compared with it. */
const contenders: readonly Contender[] = [
  { name: duetKv, protocol: "gRPC", start: startHere },
  { name: "bare node:http2", protocol: "gRPC", start: peer("bare-http2", "valueBytes") },
  { name: "@grpc/grpc-js, same handlers", protocol: "gRPC", start: peer("grpc-js", "directory") },
  {
    name: "connectNodeAdapter, same handlers",
    protocol: "gRPC",
    start: peer("connect-adapter", "directory"),
  },
  { name: duetKv, protocol: "HTTP/1.1", start: startHere },
  { name: "bare node:http", protocol: "HTTP/1.1", start: peer("bare-http1", "valueBytes") },
  ...etcd,
];

export interface Contest {
  readonly section: string;
  readonly what: string;
  readonly valueBytes: number;
  readonly concurrencies: readonly number[];
  /** Calls that come before, and the call to be measured; undefined: this server cannot be asked. */
  readonly requests: (contender: Contender) => { before?: Request; request: Request } | undefined;
}

/** Puts the same load on every server that can take it, one after the other. */
export async function compete(run: Run, contest: Contest): Promise<void> {
  const { section, what, valueBytes, concurrencies } = contest;
  for (const contender of contenders) {
    const { name, protocol } = contender;
    const requests = contest.requests(contender);
    if (requests === undefined) continue;
    await withDirectory(async (directory) => {
      const server = await contender.start(directory, valueBytes);
      const wire: Load["protocol"] = protocol === "gRPC" ? "grpc" : "http1";
      const load = (request: Request, concurrency: number, seconds: number): Load => ({
        protocol: wire,
        requests: [request],
        concurrency,
        seconds,
      });
      try {
        if (requests.before) await measure(server, load(requests.before, 1, 1));
        for (const concurrency of concurrencies) {
          const figures = await measure(server, load(requests.request, concurrency, run.seconds));
          run.measured({ section, what, server: name, protocol, concurrency, ...figures });
        }
      } finally {
        await server.stop("SIGKILL");
      }
    });
  }
}
