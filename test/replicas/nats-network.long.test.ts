import { describe, it, onTestFinished } from "vitest";
import type { NatsCluster } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { type Isolation, linkClient, linkFailures, ServerLinks } from "../support/nats-links.ts";
import { rounds, seed } from "../support/random.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { isReady } from "./cluster.ts";
import { NatsReplicas } from "./nats-replicas.ts";

/** Starts replicas of which the first one has a link of its own to each server. */
async function startLinked(): Promise<{ all: NatsReplicas; links: readonly TcpProxy[] }> {
  let links: readonly TcpProxy[] = [];
  const urlsOf = async (nats: NatsCluster) => {
    const far = await linkClient(nats);
    onTestFinished(() => far.close());
    ({ links } = far);
    return [far.url("log"), nats.url("log"), nats.url("log")];
  };
  return { all: await NatsReplicas.start(urlsOf), links };
}

describe.skipIf(natsBinary() === undefined)("replicas on three NATS servers lose and double nothing", () => {
  it.each(Object.entries(linkFailures))(
    `when the network of one of them %s (seed ${seed})`,
    async (_, fail) => {
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
    },
  );

  it.each<Isolation>(["is cut off", "is silent"])(
    `when the leader %s from the other servers (seed ${seed})`,
    async (how) => {
      const links = new ServerLinks();
      onTestFinished(() => links.close());
      const all = await NatsReplicas.start(undefined, links);
      const { nats } = all;
      await all.check(async () => {
        for (let round = 0; round < rounds; round++) {
          await all.progress();
          const leader = await nats.leaderOf("log");
          const index = nats.nodes.indexOf(leader);
          links.isolate(index, how);
          await until(async () => (await nats.leaderOf("log")) !== leader);
          await all.progress();
          links.restore(index);
          await nats.healthy();
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
        all.random.pick(Object.values(linkFailures))(link);
        await all.progress();
        link.restore();
      }
    });
  });
});
