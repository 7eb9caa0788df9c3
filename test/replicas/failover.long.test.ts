import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openClient } from "../end-to-end/every-client.ts";
import { RepeatingWriter } from "../end-to-end/repeating-writer.ts";
import { type PostgresPair, startPostgresPair } from "../support/postgres-pair.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { until } from "../support/until.ts";
import { expectSameState, startReplica } from "./cluster.ts";

/** Ways in which the primary goes; in some of them it has batches that the standby never receives. */
const failures: readonly (readonly [string, (pair: PostgresPair, random: Random) => Promise<void>])[] = [
  ["is killed", (pair) => pair.primary.kill()],
  [
    "loses its standby, then is killed",
    async (pair, random) => {
      pair.link.freeze();
      await delay(random.below(1_000));
      await pair.primary.kill();
    },
  ],
  [
    "loses its standby, cuts the wait of an append, then is killed",
    async (pair, random) => {
      pair.link.freeze();
      const pid = await pair.waitingBackend();
      await pair.primary.query(pair.primary.url("postgres"), `SELECT pg_terminate_backend(${pid})`);
      await delay(random.below(1_000));
      await pair.primary.kill();
    },
  ],
];

test.each(failures)(
  `writes happen once when the primary %s and the standby is promoted (seed ${seed})`,
  async (_, fail) => {
    console.log(`SEED=${seed}`);
    const random = createRandom(seed);
    const pair = await startPostgresPair();
    onTestFinished(() => pair.stop());
    const url = (await pair.primary.createDatabase()).replace(
      /@[^/]*/,
      `@127.0.0.1:${pair.primary.port},127.0.0.1:${pair.standby.port}`,
    );
    const replicas = [await startReplica(url), await startReplica(url)];
    const clients = replicas.map(({ address }) => openClient("gRPC by grpc-js", address));
    onTestFinished(() => {
      for (const client of clients) client.close();
    });
    const writers = Array.from({ length: 6 }, (__, index) => new RepeatingWriter(`writer ${index}`, random));
    const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    const state = { done: false };
    const writing = Promise.all(
      writers.map(async (writer) => {
        while (!state.done) await writer.write(() => random.pick(clients));
      }),
    );
    await until(() => acknowledged() > 100);
    await fail(pair, random);
    await pair.promote();
    const before = acknowledged();
    await until(() => acknowledged() > before + 100);
    state.done = true;
    await writing;
    for (const client of clients) for (const writer of writers) await writer.expectExact(client);
    await expectSameState(replicas);
    for (const { lines } of replicas) expect(lines.join("\n")).not.toContain("went back in time");
    pair.link.restore();
    await pair.primary.restart();
  },
);
