import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { openClient, protocols } from "./every-client.ts";
import { RepeatingWriter } from "./repeating-writer.ts";

const kills = 12 * rounds;

test(`repeated writes happen once, with ${kills} kills among them (seed ${seed})`, async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const directory = await temporaryDirectory();
  const flags = ["--log", `file:${directory}`, "--compaction-bytes-min", "50000"];
  let server = await startServerProcess(flags);
  let clients: KeyValueClient[] = [];
  const reconnect = () => {
    for (const client of clients) client.close();
    clients = protocols.map((protocol) => openClient(protocol, server.address));
  };
  reconnect();
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await server.stop("SIGKILL");
  });

  const writers = Array.from({ length: 12 }, (_, index) => new RepeatingWriter(`writer ${index}`, random));
  const state = { done: false };
  const writing = Promise.all(
    writers.map(async (writer, index) => {
      while (!state.done) await writer.write(() => clients[index % clients.length] as KeyValueClient);
    }),
  );
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  const killing = (async () => {
    for (let kill = 0; kill < kills; kill++) {
      const before = acknowledged();
      await until(() => acknowledged() > before + random.below(300));
      await delay(random.below(20));
      await server.stop("SIGKILL");
      server = await startServerProcess(flags);
      reconnect();
    }
    state.done = true;
  })();
  await Promise.all([writing, killing]);
  for (const writer of writers) await writer.expectExact(clients[0] as KeyValueClient);
  expect(writers.reduce((sum, { repeats }) => sum + repeats, 0)).toBeGreaterThan(kills);
});
