import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startDuetKv } from "../duetkv.ts";
import { type Dialect, duetKvGrpc, duetKvRest, etcdGrpc } from "../load/dialect.ts";
import { etcdVersion, startEtcd } from "../peers/etcd.ts";
import { hasGo, startGrpcGo } from "../peers/grpc-go.ts";
import { hasRelease, startRelease } from "../peers/release.ts";
import { hasCargo, startTonic } from "../peers/tonic.ts";
import { duetKv } from "../results.ts";
import { type ServerProcess, startNodeServer } from "../server-process.ts";

/** A server that a goal names. */
export type PeerName = "tonic" | "grpc-go" | "bare node:http2" | "bare node:http" | "etcd" | "Duet KV 0.1";

export interface Contender {
  readonly name: string;
  /** How it is asked over gRPC, or over HTTP/1.1. */
  readonly dialect: Dialect;
  /** Whether it keeps what it is given: the bare servers do not. */
  readonly stores: boolean;
  readonly start: (directory: string, valueBytes: number) => Promise<ServerProcess>;
}

interface Peer extends Omit<Contender, "name"> {
  /** The missing program; undefined if everything is installed. */
  readonly missing: string | undefined;
}

const bare = (script: string) => (_directory: string, valueBytes: number) =>
  startNodeServer(join(import.meta.dirname, `../peers/${script}.ts`), [String(valueBytes)]);

const peers: Readonly<Record<PeerName, Peer>> = {
  tonic: { dialect: duetKvGrpc, stores: true, start: startTonic, missing: hasCargo ? undefined : "cargo" },
  "grpc-go": { dialect: duetKvGrpc, stores: true, start: startGrpcGo, missing: hasGo ? undefined : "go" },
  "bare node:http2": { dialect: duetKvGrpc, stores: false, start: bare("bare-http2"), missing: undefined },
  "bare node:http": { dialect: duetKvRest, stores: false, start: bare("bare-http1"), missing: undefined },
  etcd: {
    dialect: etcdGrpc,
    stores: true,
    start: startEtcd,
    missing: etcdVersion === undefined ? "etcd" : undefined,
  },
  "Duet KV 0.1": {
    dialect: duetKvGrpc,
    stores: true,
    start: startRelease,
    missing: hasRelease ? undefined : "the history of the repository",
  },
};

/** Duet KV itself. */
export function ourselves(dialect: Dialect): Contender {
  return { name: duetKv, dialect, stores: true, start: (directory) => startDuetKv(directory) };
}

/** The peers of these names that can run here. Says which cannot. */
export function findPeers(names: Iterable<PeerName>): readonly Contender[] {
  return [...names].flatMap((name) => {
    const { missing, ...peer } = peers[name];
    if (missing === undefined) return [{ ...peer, name }];
    console.log(`skipped: ${name}, which needs ${missing}`);
    return [];
  });
}

/** A contender that is running. */
export interface Entrant extends Contender {
  readonly server: ServerProcess;
}

/** Starts them, each with an empty directory of its own, calls `use`, and ends them. */
export async function withEntrants<T>(
  contenders: readonly Contender[],
  directory: string,
  valueBytes: number,
  use: (entrants: readonly Entrant[]) => Promise<T>,
): Promise<T> {
  const entrants: Entrant[] = [];
  try {
    for (const contender of contenders) {
      const own = join(directory, String(entrants.length));
      await mkdir(own);
      entrants.push({ ...contender, server: await contender.start(own, valueBytes) });
    }
    return await use(entrants);
  } finally {
    for (const { server } of entrants) await server.stop("SIGKILL");
  }
}
