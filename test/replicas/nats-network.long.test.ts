import { describe, it, onTestFinished } from "vitest";
import type { NatsCluster } from "../support/nats.ts";
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
