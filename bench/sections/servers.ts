import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startDuetKv, withDirectory } from "../duetkv.ts";
import type { Load, Request } from "../load/load.ts";
import { type Figures, measureWarm, median } from "../load/measure.ts";
import { etcdVersion, startEtcd } from "../peers/etcd.ts";
import { hasWebdis, redisVersion, startRedis } from "../peers/redis.ts";
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
  ...(redisVersion !== undefined && hasWebdis
    ? [{ name: "redis and webdis", protocol: "HTTP/1.1" as const, start: startRedis }]
    : []),
];

export interface Contest {
  readonly section: string;
  readonly what: string;
  readonly valueBytes: number;
  readonly concurrencies: readonly number[];
  /** Calls that come before, and the call to be measured; undefined: this server cannot be asked. */
  readonly requests: (contender: Contender) => { before?: Request; request: Request } | undefined;
}

/**
 * Puts the same load on every server that can take it. All of them are there from beginning to end, and have their turns
 * again and again: the speed of a machine that others share changes from one minute to the next, and hits them alike.
 */
export async function compete(run: Run, contest: Contest): Promise<void> {
  const { section, what, valueBytes, concurrencies } = contest;
  await withDirectory(async (directory) => {
    const entrants: Entrant[] = [];
    try {
      for (const contender of contenders) {
        const requests = contest.requests(contender);
        if (requests === undefined) continue;
        const own = join(directory, String(entrants.length));
        await mkdir(own);
        entrants.push({ contender, server: await contender.start(own, valueBytes), ...requests });
      }
      for (const { contender, server, before } of entrants) {
        if (before !== undefined) await measureWarm(server, loadOf(contender, before, 1, 1));
      }
      for (const concurrency of concurrencies) {
        const rounds = await takeTurns(run, entrants, concurrency);
        for (const { contender } of entrants) {
          const { name, protocol } = contender;
          const figures = median(rounds.get(contender) ?? []);
          run.measured({ section, what, server: name, protocol, concurrency, ...figures });
        }
      }
    } finally {
      for (const { server } of entrants) await server.stop("SIGKILL");
    }
  });
}

/** A contender that is running, and what it is asked. */
interface Entrant {
  readonly contender: Contender;
  readonly server: ServerProcess;
  readonly before?: Request;
  readonly request: Request;
}

async function takeTurns(run: Run, entrants: readonly Entrant[], concurrency: number) {
  const rounds = new Map<Contender, Figures[]>(entrants.map(({ contender }) => [contender, []]));
  const warmUp = 2;
  for (let round = -warmUp; round < run.rounds; round++) {
    for (const { contender, server, request } of entrants) {
      const figures = await measureWarm(server, loadOf(contender, request, concurrency, 1));
      if (round >= 0) rounds.get(contender)?.push(figures);
    }
  }
  return rounds;
}

function loadOf({ protocol }: Contender, request: Request, concurrency: number, seconds: number): Load {
  return { protocol: protocol === "gRPC" ? "grpc" : "http1", requests: [request], concurrency, seconds };
}
