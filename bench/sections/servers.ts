import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startDuetKv, withDirectory } from "../duetkv.ts";
import { type Dialect, duetKvGrpc, duetKvRest, etcdGrpc, etcdJson, webdis } from "../load/dialect.ts";
import type { Request } from "../load/load.ts";
import { type Figures, measureWarm, median } from "../load/measure.ts";
import { sendEach } from "../load/send-each.ts";
import { etcdVersion, startEtcd } from "../peers/etcd.ts";
import { hasWebdis, redisVersion, startRedis } from "../peers/redis.ts";
import { duetKv, type Protocol, type Run } from "../results.ts";
import { type ServerProcess, startNodeServer } from "../server-process.ts";

/** A server, and how it is asked for the same as the others. */
interface Contender {
  readonly name: string;
  readonly protocol: Protocol;
  readonly dialect: Dialect;
  /** Whether it keeps what it is given: the bare servers do not. */
  readonly stores: boolean;
  readonly start: (directory: string, valueBytes: number) => Promise<ServerProcess>;
}

function peer(script: string, argument: "directory" | "valueBytes") {
  const path = new URL(`../peers/${script}.ts`, import.meta.url).pathname;
  return (directory: string, valueBytes: number) =>
    startNodeServer(path, [argument === "directory" ? directory : String(valueBytes)]);
}

const etcd: readonly Contender[] =
  etcdVersion === undefined
    ? []
    : [
        { name: "etcd", protocol: "gRPC", dialect: etcdGrpc, stores: true, start: startEtcd },
        {
          name: "etcd's JSON gateway",
          protocol: "HTTP/1.1",
          dialect: etcdJson,
          stores: true,
          start: startEtcd,
        },
      ];

const redis: readonly Contender[] =
  redisVersion === undefined || !hasWebdis
    ? []
    : [{ name: "redis and webdis", protocol: "HTTP/1.1", dialect: webdis, stores: true, start: startRedis }];

const startHere = (directory: string) => startDuetKv(directory);
const grpc = { protocol: "gRPC", dialect: duetKvGrpc, stores: true } as const;
const rest = { protocol: "HTTP/1.1", dialect: duetKvRest, stores: true } as const;

/** Duet KV comes first; the others are compared with it. */
const contenders: readonly Contender[] = [
  { ...grpc, name: duetKv, start: startHere },
  { ...grpc, name: "bare node:http2", stores: false, start: peer("bare-http2", "valueBytes") },
  { ...grpc, name: "@grpc/grpc-js, same handlers", start: peer("grpc-js", "directory") },
  { ...grpc, name: "connectNodeAdapter, same handlers", start: peer("connect-adapter", "directory") },
  { ...rest, name: duetKv, start: startHere },
  { ...rest, name: "bare node:http", stores: false, start: peer("bare-http1", "valueBytes") },
  ...etcd,
  ...redis,
];

export interface Contest {
  readonly section: string;
  readonly valueBytes: number;
  readonly concurrencies: readonly number[];
  /** Calls that come before, each once; not for servers that store nothing. */
  readonly before?: (dialect: Dialect) => Iterable<Request>;
  readonly questions: readonly Question[];
}

interface Question {
  readonly what: string;
  /** The calls that are measured: one again and again, or many at random. */
  readonly requests: (dialect: Dialect) => readonly Request[];
}

/**
 * Puts the same load on every server that can take it. All of them are there from beginning to end, and have their turns
 * again and again: the speed of a machine that others share changes from one minute to the next, and hits them alike.
 */
export async function compete(run: Run, contest: Contest): Promise<void> {
  const { section, valueBytes, before, questions } = contest;
  await withDirectory(async (directory) => {
    const entrants: Entrant[] = [];
    try {
      for (const contender of contenders) {
        const own = join(directory, String(entrants.length));
        await mkdir(own);
        const server = await contender.start(own, valueBytes);
        entrants.push({ contender, server });
        if (before !== undefined && contender.stores) {
          await sendEach(server.address, before(contender.dialect));
        }
      }
      for (const question of questions) {
        for (const { contender, server } of entrants) {
          await sendEach(server.address, question.requests(contender.dialect).slice(0, 1));
        }
        for (const concurrency of contest.concurrencies) {
          const rounds = await takeTurns(run, entrants, question, concurrency);
          for (const { contender } of entrants) {
            const { name, protocol } = contender;
            const figures = median(rounds.get(contender) ?? []);
            run.measured({ section, what: question.what, server: name, protocol, concurrency, ...figures });
          }
        }
      }
    } finally {
      for (const { server } of entrants) await server.stop("SIGKILL");
    }
  });
}

/** A contender that is running. */
interface Entrant {
  readonly contender: Contender;
  readonly server: ServerProcess;
}

async function takeTurns(run: Run, entrants: readonly Entrant[], question: Question, concurrency: number) {
  const rounds = new Map<Contender, Figures[]>(entrants.map(({ contender }) => [contender, []]));
  const warmUp = 1;
  // A thousand connections take a good part of a second to open.
  const seconds = concurrency < 1024 ? 1 : 2;
  for (let round = -warmUp; round < run.rounds; round++) {
    for (const { contender, server } of entrants) {
      const requests = question.requests(contender.dialect);
      const protocol = contender.protocol === "gRPC" ? "grpc" : "http1";
      const figures = await measureWarm(server, { protocol, requests, concurrency, seconds });
      if (round >= 0) rounds.get(contender)?.push(figures);
    }
  }
  return rounds;
}
