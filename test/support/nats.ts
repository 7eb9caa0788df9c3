import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { natsBinary } from "./nats-binary.ts";
import { freePort } from "./ports.ts";
import { until } from "./until.ts";

export interface NatsNode {
  readonly name: string;
  readonly client: string;
  readonly monitor: string;
  readonly dataDirectory: string;
  readonly pid: number;
  /** Ends it as the kernel does, and resolves when it has ended. */
  kill(): Promise<void>;
  /** Ends it in order, and resolves when it has ended. */
  stop(): Promise<void>;
  pause(): void;
  /** As `pause`; resolves when none of its threads runs. Only `kill` may follow. */
  freeze(): Promise<void>;
  resume(): void;
  /** Starts it again after `kill` or `stop`, on the same ports. */
  start(): void;
}

export interface NatsCluster {
  readonly nodes: readonly NatsNode[];
  /** The URL of the log `name` on all nodes. */
  url(name: string): string;
  readonly monitors: readonly string[];
  /** Options to open a log on it. */
  options(name: string): {
    readonly url: string;
    readonly replicas: number;
    readonly monitors: readonly string[];
  };
  /** The node that leads the stream. */
  leaderOf(stream: string): Promise<NatsNode>;
  /** Resolves when all nodes are up and have what they missed. */
  healthy(): Promise<void>;
  connect(): Promise<NatsConnection>;
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

export interface NatsSettings {
  /** Lines in the jetstream block; by default it syncs before it confirms. */
  readonly jetstream?: string;
  readonly maxPayload?: string;
  readonly version?: string;
  /** Further lines of the configuration. */
  readonly more?: string;
  /** One for each node. Default: temporary ones. */
  readonly dataDirectories?: readonly string[];
  /** Returns the port at which the node `from` finds the node `to`, whose own port for other nodes is `port`. */
  readonly routePort?: (from: number, to: number, port: number) => Promise<number>;
}

/**
 * Runs the server for as long as its own standard input is open, so that nothing stays when the test process dies. A server
 * that is paused ends without running again.
 */
const keeper =
  'exec 3<&0; "$@" </dev/null 3<&- & server=$!; echo $server; (read order <&3; kill -KILL $server) & wait $server';

/** Starts one node, or several that are a cluster. Resolves when JetStream takes requests. */
export async function startNats(count: 1 | 3, settings: NatsSettings = {}): Promise<NatsCluster> {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "duetkv-nats-"));
  const ports = await Promise.all(Array.from({ length: 3 * count }, freePort));
  const { routePort = async (_from, _to, port) => port } = settings;
  const routesOf = (from: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, to) => {
        const port = ports[3 * to + 2] as number;
        return `nats://127.0.0.1:${from === to ? port : await routePort(from, to, port)}`;
      }),
    );
  const routes = await Promise.all(Array.from({ length: count }, (_, index) => routesOf(index)));
  const nodes = Array.from({ length: count }, (_, index) => {
    const [client, monitor, route] = ports.slice(3 * index) as [number, number, number];
    const name = `node${index + 1}`;
    const dataDirectory = settings.dataDirectories?.[index] ?? join(directory, name);
    return new Node(
      directory,
      name,
      dataDirectory,
      { client, monitor, route },
      routes[index] as string[],
      settings,
    );
  });
  const cluster: NatsCluster = {
    nodes,
    monitors: nodes.map(({ monitor }) => monitor),
    url: (name) => `nats://${nodes.map(({ client }) => client).join()}/${name}`,
    options: (name) => ({ url: cluster.url(name), replicas: count, monitors: cluster.monitors }),
    async leaderOf(stream) {
      let leader: NatsNode | undefined;
      await until(async () => {
        leader = await findLeader(nodes, stream);
        return leader !== undefined;
      });
      return leader as NatsNode;
    },
    healthy: () =>
      until(async () => {
        for (const node of nodes) node.assertRunning();
        const states = await Promise.all(nodes.map(({ monitor }) => health(monitor)));
        return states.every((ok) => ok);
      }),
    connect: () => connect({ servers: nodes.map(({ client }) => client), reconnect: false }),
    async stop() {
      for (const node of nodes) await node.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    for (const node of nodes) node.start();
    await cluster.healthy();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

class Node implements NatsNode {
  readonly name: string;
  readonly client: string;
  readonly monitor: string;
  readonly dataDirectory: string;
  readonly #command: readonly string[];
  #process: ChildProcess | undefined;
  #output = "";
  #pid = 0;

  constructor(
    directory: string,
    name: string,
    dataDirectory: string,
    ports: { readonly client: number; readonly monitor: number; readonly route: number },
    routes: readonly string[],
    { jetstream = "sync_interval: always", maxPayload = "8MB", version, more = "" }: NatsSettings,
  ) {
    this.name = name;
    this.client = `127.0.0.1:${ports.client}`;
    this.monitor = `http://127.0.0.1:${ports.monitor}`;
    this.dataDirectory = dataDirectory;
    const file = join(directory, `${name}.conf`);
    const cluster = `cluster { name: test, listen: "127.0.0.1:${ports.route}", no_advertise: true, routes: [${routes.join()}] }`;
    writeFileSync(
      file,
      `server_name: ${name}
listen: "${this.client}"
http: "127.0.0.1:${ports.monitor}"
max_payload: ${maxPayload}
jetstream { store_dir: "${this.dataDirectory}"\n${jetstream} }
${routes.length > 1 ? cluster : ""}
${more}
`,
    );
    this.#command = [natsBinary(version) as string, "-c", file];
  }

  get pid(): number {
    return this.#pid;
  }

  start(): void {
    const child = spawn("/bin/sh", ["-c", keeper, "sh", ...this.#command], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process = child;
    child.stdout.once("data", (chunk) => {
      this.#pid = Number(String(chunk).split("\n")[0]);
    });
    child.stderr.on("data", (chunk) => {
      this.#output = (this.#output + chunk).slice(-5_000);
    });
  }

  assertRunning(): void {
    if (this.#process?.exitCode !== null) throw new Error(`${this.name} ended: ${this.#output}`);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.stdin?.end();
    await exited;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(this.#pid, "SIGTERM");
    await exited;
    child.stdin?.end();
  }

  pause(): void {
    process.kill(this.#pid, "SIGSTOP");
  }

  async freeze(): Promise<void> {
    this.pause();
    const threads = `/proc/${this.#pid}/task`;
    const isStopped = (thread: string) =>
      readFileSync(join(threads, thread, "status"), "utf8").includes("State:\tT");
    await until(() => readdirSync(threads).every(isStopped));
  }

  resume(): void {
    process.kill(this.#pid, "SIGCONT");
  }
}

async function health(monitor: string): Promise<boolean> {
  try {
    return (await fetch(`${monitor}/healthz`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

async function findLeader(nodes: readonly NatsNode[], stream: string): Promise<NatsNode | undefined> {
  for (const { monitor } of nodes) {
    try {
      const response = await fetch(`${monitor}/jsz?streams=true&accounts=true`, {
        signal: AbortSignal.timeout(1_000),
      });
      const { account_details: accounts = [] } = (await response.json()) as Jsz;
      const details = accounts.flatMap(({ stream_detail: streams = [] }) => streams);
      const leader = details.find(({ name }) => name === stream)?.cluster?.leader;
      const node = nodes.find(({ name }) => name === leader);
      if (node !== undefined) return node;
    } catch {
      // It is down or paused.
    }
  }
  return undefined;
}

interface Jsz {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly cluster?: { readonly leader?: string };
    }[];
  }[];
}
