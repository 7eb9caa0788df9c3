import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openClient } from "../end-to-end/every-client.ts";
import { RepeatingWriter } from "../end-to-end/repeating-writer.ts";
import { type CutMode, startPostgresProxy } from "../support/postgres-proxy.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { uuid7 } from "../support/uuid7.ts";
import { connectTo, expectSameState, startReplica } from "./cluster.ts";

const postgres = sharedPostgres();
const kills = 6 * rounds;

test(`writes that are repeated on any replica happen once, with ${kills} kills among them (seed ${seed})`, async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const url = await postgres.createDatabase();
  const flags = ["--compaction-bytes-min", "50000"];
  const replicas = await Promise.all([startReplica(url, flags), startReplica(url, flags)]);
  const clients = replicas.map(({ address }) => openClient("gRPC by grpc-js", address));
  onTestFinished(() => {
    for (const client of clients) client.close();
  });

  const writers = Array.from({ length: 8 }, (_, index) => new RepeatingWriter(`writer ${index}`, random));
  const state = { done: false };
  const writing = Promise.all(
    writers.map(async (writer) => {
      // Each attempt goes to either of them.
      while (!state.done) await writer.write(() => random.pick(clients));
    }),
  );
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  const killing = (async () => {
    for (let kill = 0; kill < kills; kill++) {
      const before = acknowledged();
      await until(() => acknowledged() > before + random.below(100));
      await delay(random.below(20));
      const victim = random.below(2);
      await replicas[victim]?.stop("SIGKILL");
      const replica = await startReplica(url, flags);
      replicas[victim] = replica;
      clients[victim]?.close();
      clients[victim] = openClient("gRPC by grpc-js", replica.address);
    }
    state.done = true;
  })();
  await Promise.all([writing, killing]);
  for (const client of clients) {
    for (const writer of writers) await writer.expectExact(client);
  }
  await expectSameState(replicas);
  expect(writers.reduce((sum, { repeats }) => sum + repeats, 0)).toBeGreaterThan(kills);
});

const deliveries: readonly (readonly [string, CutMode, "before" | "during"])[] = [
  ["lost", "lost", "before"],
  ["delivered before the repeat", "late", "before"],
  ["delivered beside the repeat", "late", "during"],
];
test.each(deliveries)(
  "a write is repeated exactly after a kill between any two messages of its append, with the next one %s",
  async (_, mode, settled) => {
    const proxy = await startPostgresProxy(postgres.port);
    onTestFinished(() => proxy.close());
    const url = await postgres.createDatabase();
    const survivor = connectTo(await startReplica(url));
    let version = 0n;
    let cuts = 0;
    for (let after = 0, wasCut = true; wasCut; after++) {
      const victim = await startReplica(url.replace(`:${postgres.port}/`, `:${proxy.port}/`));
      const client = connectTo(victim);
      const request = { key: "a", value: String(after), requestId: uuid7(Date.now()) };
      proxy.cutAt("duetkv-append", after, mode, { refuse: true });
      let ended = false;
      const first = client
        .put(request)
        .catch(() => undefined)
        .finally(() => {
          ended = true;
        });
      await until(() => ended || proxy.wasCut);
      ({ wasCut } = proxy);
      await victim.stop("SIGKILL");
      proxy.restore();
      if (settled === "before") await proxy.settled();
      const repeated = await survivor.put(request);
      await proxy.settled();
      expect(repeated.entry?.version).toBe(++version);
      expect(await survivor.put(request)).toEqual(repeated);
      expect((await first) ?? repeated).toEqual(repeated);
      if (wasCut) cuts++;
    }
    // Parse, Bind, Describe, Execute, Sync and their responses.
    expect(cuts).toBeGreaterThanOrEqual(8);
  },
);
