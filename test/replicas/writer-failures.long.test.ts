import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openClient } from "../end-to-end/every-client.ts";
import { RepeatingWriter } from "../end-to-end/repeating-writer.ts";
import { findWriter } from "../support/find-writer.ts";
import { type NatsCluster, startNats } from "../support/nats.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, startReplica, startReplicas } from "./cluster.ts";
import { ReplicaHistory, readTruth } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);

/** Longer than the heartbeat of a writer is valid. */
const pauseMs = 5_000;

interface Log {
  readonly url: string;
  readonly flags: readonly string[];
}

const postgres = sharedPostgres();
let nats: NatsCluster;
beforeAll(async () => {
  console.log(`SEED=${seed}`);
  nats = await startNats(3);
});
afterAll(() => nats.stop());

let logs = 0;
const kinds: readonly (readonly [string, () => Promise<Log>])[] = [
  ["PostgreSQL", async () => ({ url: await postgres.createDatabase(), flags: [] })],
  [
    "NATS JetStream",
    async () => ({ url: nats.url(`log${++logs}`), flags: ["--nats-monitor", nats.monitors.join()] }),
  ],
];

describe.each(kinds)("on %s, when the writer fails", (_, createLog) => {
  const random = createRandom(seed);

  async function expectNoProblems(
    history: ReplicaHistory,
    replicas: readonly ServerProcess[],
  ): Promise<void> {
    const { revision } = await expectSameState(replicas);
    const truth = await readTruth(connectTo(replicas[0] as ServerProcess), () => revision);
    expect(truth.size).toBe(revision);
    expect(history.problems(truth)).toEqual([]);
  }

  test(`by a kill, no write is lost or repeated (seed ${seed})`, async () => {
    const { url, flags } = await createLog();
    const replicas = await startReplicas(url, 3, flags);
    const clients = new Clients(random, replicas);
    onTestFinished(() => clients.close());
    const history = new ReplicaHistory();
    const traffic = new Traffic({ history, random, keys, target: clients.pick });
    let kills = 0;
    const running = traffic.run(15, () => kills === 3 * rounds && history.operations > 300);
    for (; kills < 3 * rounds; kills++) {
      const victim = await findWriter(replicas);
      await delay(200 + random.below(300));
      await victim.stop("SIGKILL");
      clients.remove(victim);
      const { acknowledged } = history;
      // The others go on.
      await until(() => history.acknowledged > acknowledged);
      const next = await startReplica(url, flags);
      replicas[replicas.indexOf(victim)] = next;
      clients.add(next);
    }
    await running;
    await expectNoProblems(history, replicas);
  });

  test(`by a pause, no write is lost or repeated (seed ${seed})`, async () => {
    const { url, flags } = await createLog();
    const replicas = await startReplicas(url, 3, flags);
    const history = new ReplicaHistory();
    let pauses = 0;
    // Calls to the paused replica wait; those to the others must not.
    const running = replicas.map((replica, index) => {
      const clients = new Clients(random, [replica]);
      onTestFinished(() => clients.close());
      const traffic = new Traffic({ history, random, keys, target: clients.pick, name: `traffic ${index}` });
      return traffic.run(5, () => pauses === 2 * rounds && history.operations > 300);
    });
    for (; pauses < 2 * rounds; pauses++) {
      const victim = await findWriter(replicas);
      await delay(300);
      process.kill(victim.pid, "SIGSTOP");
      const { acknowledged } = history;
      await delay(pauseMs);
      await until(() => history.acknowledged > acknowledged);
      const others = replicas.filter((replica) => replica !== victim);
      expect(others).toContain(await findWriter(others));
      process.kill(victim.pid, "SIGCONT");
    }
    await Promise.all(running);
    await expectNoProblems(history, replicas);
  });

  test(`writes with request ids happen once, through kills and pauses (seed ${seed})`, async () => {
    const { url, flags } = await createLog();
    const replicas = await startReplicas(url, 3, flags);
    const clientsOf = new Map(
      replicas.map((replica) => [replica, openClient("gRPC by grpc-js", replica.address)]),
    );
    onTestFinished(() => clientsOf.forEach((client) => client.close()));
    const writers = Array.from({ length: 8 }, (__, index) => new RepeatingWriter(`writer ${index}`, random));
    const state = { done: false };
    const writing = writers.map(async (writer) => {
      while (!state.done) await writer.write(() => random.pick([...clientsOf.values()]));
    });
    const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    for (let failure = 0; failure < 4 * rounds; failure++) {
      const before = acknowledged();
      await until(() => acknowledged() > before + 50);
      const victim = await findWriter(replicas);
      process.kill(victim.pid, "SIGSTOP");
      await delay(failure % 2 === 0 ? pauseMs : random.below(1_000));
      if (failure % 2 === 0) {
        process.kill(victim.pid, "SIGCONT");
        continue;
      }
      await victim.stop("SIGKILL");
      clientsOf.get(victim)?.close();
      clientsOf.delete(victim);
      const next = await startReplica(url, flags);
      replicas[replicas.indexOf(victim)] = next;
      clientsOf.set(next, openClient("gRPC by grpc-js", next.address));
    }
    state.done = true;
    await Promise.all(writing);
    for (const client of clientsOf.values()) {
      for (const writer of writers) await writer.expectExact(client);
    }
    await expectSameState(replicas);
  });
});
