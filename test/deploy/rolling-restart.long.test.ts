import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectTo, expectSameState } from "../replicas/cluster.ts";
import { freePort } from "../support/ports.ts";
import { hasPrograms } from "../support/programs.ts";
import { rounds } from "../support/random.ts";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { uuid7 } from "../support/uuid7.ts";
import { type ExampleProxy, exampleProxies, startExampleProxy } from "./example-proxies.ts";
import { connectThroughProxy, type ProxyClient } from "./proxy-clients.ts";

const callersPerClient = 4;
/** Between two calls of a caller: the load shall leave the machine time for checks. */
const pauseMs = 5;

/** A replica on ports of its own, which its restarts keep. */
class Replica {
  readonly #flags: readonly string[];
  #process: ServerProcess | undefined;

  private constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  static async start(url: string): Promise<Replica> {
    const [listen, admin] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    // The delay of the manifests.
    const replica = new Replica([
      "--log",
      url,
      "--listen",
      listen,
      "--admin-listen",
      admin,
      "--drain-delay",
      "5s",
    ]);
    await replica.#start();
    onTestFinished(() => void replica.process.stop("SIGKILL"));
    return replica;
  }

  get process(): ServerProcess {
    return this.#process as ServerProcess;
  }

  /** Resolves when it has stopped in order and the proxy sends calls to the new process. */
  async restart(): Promise<void> {
    expect(await this.process.stop("SIGTERM")).toBe(0);
    await this.#start();
    await until(async () => (await this.#gets()) > 0);
  }

  async #start(): Promise<void> {
    this.#process = await startServerProcess(this.#flags);
  }

  async #gets(): Promise<number> {
    const { body } = await request(`http://${this.process.adminAddress}`, "GET", "/metrics");
    const calls = body.toString().matchAll(/^duetkv_calls_total\{[^}]*method="get"[^}]*\} (\d+)/gm);
    return [...calls].reduce((sum, [, count]) => sum + Number(count), 0);
  }
}

/** Callers that put and get, each a key of its own, until they are stopped. */
class Load {
  readonly failures: string[] = [];
  /** The number of puts, by key. */
  readonly puts = new Map<string, number>();
  gets = 0;
  readonly #since = performance.now();
  readonly #done: Promise<unknown>;
  #stopped = false;

  constructor(clients: readonly ProxyClient[]) {
    this.#done = Promise.all(
      clients.flatMap((client, index) =>
        Array.from({ length: callersPerClient }, (_, caller) => this.#call(client, `${index}-${caller}`)),
      ),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  /** The time since the load began, for messages. */
  get time(): string {
    return `${((performance.now() - this.#since) / 1000).toFixed(2)} s`;
  }

  async #call(client: ProxyClient, key: string): Promise<void> {
    for (let count = 1; !this.#stopped; count++) {
      const value = `${count}`;
      await this.#note(client, "put", () => client.put(key, value, uuid7(Date.now())));
      this.puts.set(key, count);
      await delay(pauseMs);
      const found = await this.#note(client, "get", () => client.get(key));
      this.gets++;
      if (found !== undefined && found !== value)
        this.failures.push(`${client.name} got ${found} of ${value}`);
      await delay(pauseMs);
    }
  }

  async #note<T>({ name }: ProxyClient, kind: string, call: () => Promise<T>): Promise<T | undefined> {
    const began = this.time;
    try {
      return await call();
    } catch (error) {
      this.failures.push(`${name}: ${kind} from ${began} to ${this.time}: ${describeError(error)}`);
      return undefined;
    }
  }
}

function describeError(error: unknown): string {
  const texts: string[] = [];
  for (let each = error; each instanceof Error; each = each.cause) texts.push(each.message);
  return texts.join(": ");
}

const installed = hasPrograms("nginx", "haproxy", "python3");
describe.skipIf(!installed).each(exampleProxies)("behind the example of %s", (name: ExampleProxy) => {
  test("replicas restart one after another, and no call fails", async () => {
    const url = await sharedPostgres().createDatabase();
    const replicas = [await Replica.start(url), await Replica.start(url), await Replica.start(url)] as const;
    const [one, two, three] = replicas;
    const port = await startExampleProxy(name, [one.process, two.process, three.process]);
    const clients = connectThroughProxy(port);
    // The proxy has made sure of the replicas.
    await until(() => clients[0]?.put("ready", "yes", uuid7(Date.now())).then(() => true));

    const load = new Load(clients);
    const events: string[] = [];
    for (let round = 0; round < 2 * rounds; round++) {
      for (const [index, replica] of replicas.entries()) {
        events.push(`${load.time}: restart ${index}`);
        await replica.restart();
        events.push(`${load.time}: restarted ${index}`);
      }
    }
    await load.stop();

    expect({ events, failures: load.failures }).toEqual({ events, failures: [] });
    expect(load.gets).toBeGreaterThan(100);
    const client = connectTo(one.process);
    for (const [key, count] of load.puts) {
      // Each put was applied, once.
      expect((await client.get({ key })).entry).toMatchObject({ value: `${count}`, version: BigInt(count) });
    }
    await expectSameState(replicas.map(({ process }) => process));
  });
});
