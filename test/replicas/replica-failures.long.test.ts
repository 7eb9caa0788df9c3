import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { connectTo, expectSameState, startReplica, startReplicas } from "./cluster.ts";
import { ReplicaHistory, readTruth } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
const pauseMs = 3_000;
const pausesMax = 2 * rounds;

const server = sharedPostgres();
beforeAll(() => console.log(`SEED=${seed}`));

async function expectNoProblems(history: ReplicaHistory, replicas: readonly ServerProcess[]): Promise<void> {
  const { revision } = await expectSameState(replicas);
  for (const replica of replicas) {
    const truth = await readTruth(connectTo(replica), () => revision);
    expect(truth.size).toBe(revision);
    expect(history.problems(truth)).toEqual([]);
  }
}

test("replicas that start together on an empty server form one store", async () => {
  // The database does not exist yet, either.
  const replicas = await startReplicas(server.url("empty"), 4);
  const clients = replicas.map((replica) => connectTo(replica));
  await Promise.all(clients.map((client, index) => client.put({ key: `key ${index}`, value: "x" })));
  for (const client of clients) expect((await client.list({ countOnly: true })).count).toBe(4n);
  expect((await expectSameState(replicas)).revision).toBe(4);
});

test(`a replica returns no stale data after a pause (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const replicas = await startReplicas(await server.createDatabase(), 3);
  const [paused, ...awake] = replicas as [ServerProcess, ServerProcess, ServerProcess];
  const history = new ReplicaHistory();
  const traffics = [[paused], awake].map((some, index) => {
    const clients = new Clients(random, some);
    onTestFinished(() => clients.close());
    return new Traffic({ history, random, keys, target: clients.pick, name: `traffic ${index}` });
  });
  let pauses = 0;
  const running = traffics.map((traffic) =>
    traffic.run(8, () => pauses === pausesMax && history.operations > 300),
  );
  for (; pauses < pausesMax; pauses++) {
    await delay(300);
    process.kill(paused.pid, "SIGSTOP");
    const { acknowledged } = history;
    await delay(pauseMs);
    process.kill(paused.pid, "SIGCONT");
    // The other replicas acknowledged writes meanwhile.
    expect(history.acknowledged).toBeGreaterThan(acknowledged);
  }
  await Promise.all(running);
  await expectNoProblems(history, replicas);
});

test("a call to a paused replica returns current data after the pause", async () => {
  const [paused, awake] = (await startReplicas(await server.createDatabase(), 2)) as [
    ServerProcess,
    ServerProcess,
  ];
  const [sleeper, writer] = [connectTo(paused), connectTo(awake)];
  await writer.put({ key: "a", value: "0" });
  expect((await sleeper.get({ key: "a" })).entry?.value).toBe("0");
  for (let round = 1; round <= 5; round++) {
    process.kill(paused.pid, "SIGSTOP");
    await writer.put({ key: "a", value: String(round) });
    const reads = [
      sleeper.get({ key: "a" }).then(({ entry }) => entry?.value),
      sleeper.list({}).then(({ entries }) => entries[0]?.value),
      sleeper.batchGet({ keys: ["a"] }).then(({ entries }) => entries[0]?.value),
    ];
    process.kill(paused.pid, "SIGCONT");
    expect(await Promise.all(reads)).toEqual([String(round), String(round), String(round)]);
  }
});

test(`killed and restarted replicas neither lose nor repeat a write (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const url = await server.createDatabase();
  const replicas = await startReplicas(url, 3);
  const clients = new Clients(random, replicas);
  onTestFinished(() => clients.close());
  const history = new ReplicaHistory();
  let kills = 0;
  const traffic = new Traffic({ history, random, keys, target: clients.pick });
  const running = traffic.run(15, () => kills === 3 && history.operations > 300);
  for (; kills < 3; kills++) {
    await delay(200 + random.below(300));
    const index = random.below(3);
    const victim = replicas[index] as ServerProcess;
    await victim.stop("SIGKILL");
    clients.remove(victim);
    replicas[index] = await startReplica(url);
    clients.add(replicas[index]);
  }
  await running;
  await expectNoProblems(history, replicas);
});

test("a replica that starts during writes has all earlier and later ones", async () => {
  const url = await server.createDatabase();
  const first = await startReplica(url);
  const writer = connectTo(first);
  let written = 0;
  let late: KeyValueClient | undefined;
  const writing = Array.from({ length: 8 }, async (_, index) => {
    for (let after = 0; after < 20; after += late === undefined ? 0 : 1) {
      await writer.put({ key: `${index} ${written++}`, value: "x" });
    }
  });
  const second = await startReplica(url);
  late = connectTo(second);
  await Promise.all(writing);
  const { count, revision } = await late.list({ countOnly: true });
  expect([count, revision]).toEqual([BigInt(written), BigInt(written)]);
  const truth = await readTruth(late, () => written);
  expect([...truth.keys()]).toEqual(Array.from({ length: written }, (_, index) => BigInt(index + 1)));
  await expectSameState([first, second]);
});
