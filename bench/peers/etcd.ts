import { spawnSync } from "node:child_process";
import { freePort, type ServerProcess, startForeignServer } from "../server-process.ts";

export const etcdVersion = /etcd Version: (\S+)/.exec(String(spawnSync("etcd", ["--version"]).stdout))?.[1];

/** One node with its defaults: every put is synced. */
export async function startEtcd(directory: string): Promise<ServerProcess> {
  const [client, peer] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const urls = {
    "--listen-client-urls": `http://${client}`,
    "--advertise-client-urls": `http://${client}`,
    "--listen-peer-urls": `http://${peer}`,
    "--initial-advertise-peer-urls": `http://${peer}`,
    "--initial-cluster": `default=http://${peer}`,
  };
  const flags = [
    "--data-dir",
    directory,
    "--log-level",
    "error",
    "--logger",
    "zap",
    ...Object.entries(urls).flat(),
  ];
  return startForeignServer(["etcd", ...flags], { GOMAXPROCS: "1" }, client, async () => {
    const response = await fetch(`http://${client}/health`).catch(() => undefined);
    return response?.ok ?? false;
  });
}
