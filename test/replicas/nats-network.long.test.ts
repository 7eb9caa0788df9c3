import { describe, it, onTestFinished } from "vitest";
import type { NatsCluster, NatsNode } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { rounds, seed } from "../support/random.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { isReady } from "./cluster.ts";
import { NatsReplicas } from "./nats-replicas.ts";

const failures: Readonly<Record<string, (proxy: TcpProxy) => void>> = {
  "is cut": (proxy) => proxy.cut(),
  "takes no requests": (proxy) => proxy.freeze("requests"),
  "returns no responses": (proxy) => proxy.freeze("responses"),
  "is silent": (proxy) => proxy.freeze("both"),
};

/** Starts replicas on servers whose links to each other can break. */
async function startLinkedServers() {
  const links = new Map<string, TcpProxy>();
  onTestFinished(async () => {
    for (const link of links.values()) await link.close();
  });
  const routePort = async (from: number, to: number, port: number) => {
    const link = await startTcpProxy(port);
    links.set(`${from} ${to}`, link);
    return link.port;
  };
  const all = await NatsReplicas.start(undefined, { routePort });
  /** The links of a server to the others, in both directions. */
  const linksOf = (server: NatsNode) => {
    const index = String(all.nats.nodes.indexOf(server));
    return [...links].filter(([pair]) => pair.split(" ").includes(index)).map(([, link]) => link);
  };
  return { all, linksOf };
}

/** Starts replicas of which the first one has a link of its own to each server. */
async function startLinked(): Promise<{ all: NatsReplicas; links: TcpProxy[] }> {
  const links: TcpProxy[] = [];
  const urlsOf = async (nats: NatsCluster) => {
    for (const { client } of nats.nodes) links.push(await startTcpProxy(Number(client.split(":")[1])));
    onTestFinished(async () => {
      for (const link of links) await link.close();
    });
    const far = `nats://${links.map(({ port }) => `127.0.0.1:${port}`).join()}/log`;
    return [far, nats.url("log"), nats.url("log")];
  };
  return { all: await NatsReplicas.start(urlsOf), links };
}

describe.skipIf(natsBinary() === undefined)("replicas on three NATS servers lose and double nothing", () => {
  it.each(Object.entries(failures))(`when the network of one of them %s (seed ${seed})`, async (_, fail) => {
    const { all, links } = await startLinked();
    const [far] = all.processes;
    await all.check(async () => {
      for (let round = 0; round < rounds; round++) {
        await all.progress();
        for (const link of links) fail(link);
        await until(async () => !(await isReady(far!)));
        await all.progress();
        for (const link of links) link.restore();
        await until(() => isReady(far!));
        await all.progress();
      }
    });
  });

  it.each(["is cut", "is silent"])(
    `when the network between the leader and the other servers %s (seed ${seed})`,
    async (how) => {
      const { all, linksOf } = await startLinkedServers();
      await all.check(async () => {
        for (let round = 0; round < rounds; round++) {
          await all.progress();
          const leader = await all.nats.leaderOf("log");
          // Clients still reach it, and it may take itself for the leader for a while.
          for (const link of linksOf(leader)) failures[how]?.(link);
          await until(async () => (await all.nats.leaderOf("log")) !== leader);
          await all.progress();
          for (const link of linksOf(leader)) link.restore();
          await all.nats.healthy();
          await all.progress();
        }
      });
    },
  );

  it(`when links to single servers fail one after another (seed ${seed})`, async () => {
    const { all, links } = await startLinked();
    await all.check(async () => {
      for (let round = 0; round < 3 * rounds; round++) {
        const link = links[round % 3] as TcpProxy;
        await all.progress();
        all.random.pick(Object.values(failures))(link);
        await all.progress();
        link.restore();
      }
    });
  });
});
