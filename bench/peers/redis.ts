import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort, type ServerProcess, startForeignServer } from "../server-process.ts";

export const redisVersion = /v=(\S+)/.exec(String(spawnSync("redis-server", ["--version"]).stdout))?.[1];
// It knows no --version: with any argument it starts.
export const hasWebdis = spawnSync("which", ["webdis"]).status === 0;

/** Redis alone, with these flags beside its address. */
export async function startRedisServer(flags: readonly string[]): Promise<ServerProcess> {
  const port = await freePort();
  const command = ["redis-server", "--bind", "127.0.0.1", "--port", String(port), "--save", "", ...flags];
  return startForeignServer(command, {}, `127.0.0.1:${port}`, () => accepts(port));
}

/** Redis that syncs its append-only file for each write, and webdis, which speaks HTTP for it. CPU is that of both. */
export async function startRedis(directory: string): Promise<ServerProcess> {
  const redis = await startRedisServer([
    "--dir",
    directory,
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
  ]);
  const httpPort = await freePort();
  const configuration = join(directory, "webdis.json");
  await writeFile(
    configuration,
    JSON.stringify({
      redis_host: "127.0.0.1",
      redis_port: Number(redis.address.split(":")[1]),
      http_host: "127.0.0.1",
      http_port: httpPort,
      threads: 1,
      pool_size: 20,
      daemonize: false,
      verbosity: 0,
      logfile: join(directory, "webdis.log"),
      acl: [{ disabled: ["DEBUG"] }],
    }),
  );
  const webdis = await startForeignServer(["webdis", configuration], {}, `127.0.0.1:${httpPort}`, () =>
    accepts(httpPort),
  );
  return {
    ...webdis,
    cpuMicros: () => redis.cpuMicros() + webdis.cpuMicros(),
    residentBytes: () => redis.residentBytes() + webdis.residentBytes(),
    async stop(signal) {
      await webdis.stop(signal);
      await redis.stop(signal);
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
