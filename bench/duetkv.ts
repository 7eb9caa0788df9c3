import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { type ServerProcess, startNodeServer } from "./server-process.ts";

/** Beside the sources, since /tmp may be a file system in memory that syncs for free. */
const scratch = new URL("../dist/bench-data/", import.meta.url).pathname;

const main = new URL("../src/main.ts", import.meta.url).pathname;

export function startDuetKv(
  directory: string,
  flags: readonly string[] = [],
  program = main,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  return startDuetKvOn(`file:${directory}`, flags, program, environment);
}

/** The same over any log, as `--log` takes it. */
export function startDuetKvOn(
  log: string,
  flags: readonly string[] = [],
  program = main,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const anywhere = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  return startNodeServer(program, [...anywhere, "--log", log, ...flags], environment);
}

/** Calls `use` with an empty directory on a real disk, and removes it. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  await mkdir(scratch, { recursive: true });
  const directory = await mkdtemp(scratch);
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Starts Duet KV over an empty file log, calls `use`, and stops it. */
export function withDuetKv<T>(
  flags: readonly string[],
  use: (server: ServerProcess, client: Client<typeof KeyValueService>) => Promise<T>,
): Promise<T> {
  return withDirectory(async (directory) => {
    const server = await startDuetKv(directory, flags);
    try {
      return await withClient(server.address, (client) => use(server, client));
    } finally {
      await server.stop();
    }
  });
}

export async function withClient<T>(
  address: string,
  use: (client: Client<typeof KeyValueService>) => Promise<T>,
): Promise<T> {
  const baseUrl = `http://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  try {
    return await use(createClient(KeyValueService, createGrpcTransport({ baseUrl, sessionManager })));
  } finally {
    sessionManager.abort();
  }
}

/** Stores `count` entries under `key 0`, `key 1` …, a thousand in a Commit. */
export async function storeMany(
  client: Client<typeof KeyValueService>,
  count: number,
  value: string,
  ttlSeconds?: number,
): Promise<void> {
  for (let first = 0; first < count; first += 1000) {
    const mutations = Array.from({ length: Math.min(1000, count - first) }, (_, index) => ({
      kind: {
        case: "put" as const,
        value: {
          key: keyOf(first + index),
          value,
          ...(ttlSeconds !== undefined && { ttl: { seconds: BigInt(ttlSeconds) } }),
        },
      },
    }));
    await client.commit({ mutations });
  }
}

export function keyOf(index: number): string {
  return `key ${String(index).padStart(7, "0")}`;
}
