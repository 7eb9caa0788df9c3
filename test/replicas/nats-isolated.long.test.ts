import { describe, expect, it, onTestFinished } from "vitest";
import { Consistency, type ListResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import type { NatsCluster } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { type ClientLinks, type Isolation, linkClient, ServerLinks } from "../support/nats-links.ts";
import { rounds, seed } from "../support/random.ts";
import { request } from "../support/rest-request.ts";
import { until } from "../support/until.ts";
import { connectTo, isReady } from "./cluster.ts";
import { NatsReplicas } from "./nats-replicas.ts";

/** Starts replicas of which the first one can lose its way to each server, on servers that can lose each other. */
async function start() {
  const serverLinks = new ServerLinks();
  onTestFinished(() => serverLinks.close());
  let far: ClientLinks | undefined;
  const urlsOf = async (nats: NatsCluster) => {
    far = await linkClient(nats);
    onTestFinished(() => far?.close());
    return [far.url("log"), nats.url("log"), nats.url("log")];
  };
  const all = await NatsReplicas.start(urlsOf, serverLinks);
  return { all, serverLinks, links: far?.links ?? [] };
}

const page = { pageSize: 1 };

/** Resolves with a page that is not older than the call. */
async function untilListed(client: KeyValueClient): Promise<ListResponse> {
  let response: ListResponse | undefined;
  await until(async () => {
    response = await client.list(page);
  });
  return response as ListResponse;
}

describe.skipIf(natsBinary() === undefined)("a replica on a NATS server", () => {
  it.each<Isolation>(["is cut off", "is silent"])(
    `that %s from the others shows nothing stale as current, and leaves it (seed ${seed})`,
    async (how) => {
      const { all, serverLinks, links } = await start();
      const [far, near] = all.processes.map((replica) => ({ replica, client: connectTo(replica) }));
      const isFarReady = () => isReady(far!.replica);
      await all.check(async () => {
        for (let round = 0; round < rounds; round++) {
          await all.progress();
          for (const link of links.slice(1)) link.cut();
          // A read after that shows that it is on the first server.
          await untilListed(far!.client);
          serverLinks.isolate(0, how);
          await until(async () => !(await isFarReady()));
          await all.progress();
          const { revision: newest } = await untilListed(near!.client);
          await expect(far!.client.list(page)).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
          const local = await far!.client.list({ ...page, consistency: Consistency.LOCAL });
          expect(local.revision).toBeLessThan(newest);
          const { body } = await request(`http://${far!.replica.address}`, "GET", "/v1/status");
          expect(JSON.parse(body.toString())).toMatchObject({
            writable: false,
            fault: expect.stringContaining("the log cannot be reached"),
          });
          // The server that it is on responds all the time.
          const begin = performance.now();
          for (const link of links.slice(1)) link.restore();
          await until(isFarReady);
          console.log(`left its server within ${Math.round((performance.now() - begin) / 1000)} s`);
          // The log may look for a new leader once more.
          const { revision } = await untilListed(far!.client);
          expect(revision).toBeGreaterThanOrEqual(newest);
          await all.progress();
          serverLinks.restore(0);
          await all.nats.healthy();
          await all.progress();
        }
      });
    },
  );
});
