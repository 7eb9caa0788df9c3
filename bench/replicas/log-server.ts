import { join } from "node:path";
import { type NatsCluster, startNats } from "../../test/support/nats.ts";
import { natsBinary } from "../../test/support/nats-binary.ts";
import { startPostgres } from "../../test/support/postgres.ts";
import { withDirectory } from "../duetkv.ts";
import type { SharedLog } from "./shared-log.ts";

/** Servers on this machine that have logs which replicas share, and sync before they confirm. */
export interface LogServer {
  readonly name: string;
  /** Makes an empty log. */
  createLog(): Promise<SharedLog>;
  /** Kills the server that confirms appends, where others take over; resolves with what starts it again. */
  readonly killLeader?: (log: SharedLog) => Promise<() => void>;
}

/** Calls `use` with each server in turn, and stops it. */
export async function withLogServers(use: (server: LogServer) => Promise<void>): Promise<void> {
  const postgres = await startPostgres({ fsync: "on" });
  try {
    const createLog = async () => ({ url: await postgres.createDatabase(), monitors: [] });
    await use({ name: "PostgreSQL", createLog });
  } finally {
    await postgres.stop();
  }
  if (natsBinary() === undefined) return;
  await withDirectory(async (directory) => {
    const dataDirectories = [1, 2, 3].map((index) => join(directory, `nats${index}`));
    const nats = await startNats(3, { dataDirectories });
    try {
      await use(onNats(nats));
    } finally {
      await nats.stop();
    }
  });
}

function onNats(nats: NatsCluster): LogServer {
  let logs = 0;
  return {
    name: "NATS",
    createLog: async () => ({ url: nats.url(`log${++logs}`), monitors: nats.monitors }),
    async killLeader({ url }) {
      const leader = await nats.leaderOf(url.slice(url.lastIndexOf("/") + 1));
      await leader.kill();
      return () => leader.start();
    },
  };
}
