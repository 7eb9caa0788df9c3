import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openClient } from "../end-to-end/every-client.ts";
import { RepeatingWriter } from "../end-to-end/repeating-writer.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { expectSameState, startReplica } from "./cluster.ts";

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
