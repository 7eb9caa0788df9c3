import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { type NatsCluster, startNats } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { connectTo, expectSameState } from "./cluster.ts";
import { ReplicaHistory, readTruth } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const operations = 3_000 * rounds;
const clientCount = 100;
const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);

const postgres = sharedPostgres();
let nats: NatsCluster | undefined;
const isNatsThere = natsBinary() !== undefined;
beforeAll(async () => {
  console.log(`SEED=${seed}`);
  if (isNatsThere) nats = await startNats(3);
});
afterAll(async () => {
  await nats?.stop();
});

const logs = [
  { name: "PostgreSQL", flags: async () => ["--log", await postgres.createDatabase()] },
  {
    name: "NATS",
    flags: async () => ["--log", nats!.url("log"), "--nats-monitor", nats!.monitors.join()],
  },
].filter(({ name }) => name !== "NATS" || isNatsThere);

describe.each(logs)("on $name", ({ name, flags: logFlags }) => {
  let replicas: readonly ServerProcess[];
  beforeAll(async () => {
    const flags = [...(await logFlags()), "--watch-history-events-max", "10000000"];
    replicas = await Promise.all([1, 2, 3].map(() => startServerProcess(flags)));
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.stop("SIGKILL");
  });

  test(
    `${clientCount} clients of three replicas see one linearizable store (seed ${seed})`,
    async () => {
      const random = createRandom(seed);
      const clients = new Clients(random, replicas);
      onTestFinished(() => clients.close());
      const history = new ReplicaHistory();
      const traffic = new Traffic({ history, random, keys, target: clients.pick });
      await traffic.run(clientCount, () => history.operations >= operations);

      const { revision } = await expectSameState(replicas);
      for (const replica of replicas) {
        const truth = await readTruth(connectTo(replica), () => revision);
        expect([...truth.keys()]).toEqual(Array.from({ length: revision }, (_, index) => BigInt(index + 1)));
        expect(history.problems(truth)).toEqual([]);
      }
      // Servers of NATS on a busy machine may change their leader.
      expect(history.unknown).toBeLessThanOrEqual(name === "NATS" ? operations / 10 : 0);
      const { refused, unknown } = history;
      console.log(
        `${history.operations} operations, ${revision} revisions, ${refused} refused, ${unknown} unknown`,
      );
    },
    120_000 + operations * 20,
  );

  test(`concurrent compare-and-swap on all replicas counts exactly (seed ${seed})`, async () => {
    const races = 8;
    const racers = 12;
    const clients = replicas.map((replica) => connectTo(replica)) as [KeyValueClient, ...KeyValueClient[]];
    const { revision: first } = await clients[0].put({ key: "counter", value: "0" });
    const wins: bigint[] = [];
    const race = async (client: KeyValueClient) => {
      for (let won = 0; won < races; ) {
        const { entry } = await client.get({ key: "counter" });
        const precondition = { condition: { case: "revision" as const, value: entry?.revision ?? 0n } };
        const value = String(Number(entry?.value) + 1);
        try {
          wins.push((await client.put({ key: "counter", value, precondition })).revision);
          won++;
        } catch (error) {
          expect(error).toMatchObject({ reason: "REVISION_MISMATCH" });
        }
      }
    };
    await Promise.all(
      Array.from({ length: racers }, (_, index) => race(clients[index % 3] as KeyValueClient)),
    );
    const total = races * racers;
    // One winner for each revision, and no other write.
    expect(new Set(wins).size).toBe(total);
    for (const client of clients) {
      const { entry, revision } = await client.get({ key: "counter" });
      expect([entry?.value, entry?.version, revision]).toEqual([
        String(total),
        BigInt(total + 1),
        first + BigInt(total),
      ]);
    }
    await expectSameState(replicas);
  });

  test("exactly one of several concurrent creates of a key succeeds", async () => {
    const clients = replicas.map((replica) => connectTo(replica));
    const { revision } = await (clients[0] as KeyValueClient).list({ pageSize: 1 });
    for (let round = 1; round <= 15; round++) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 9 }, (_, index) =>
          (clients[index % 3] as KeyValueClient).put({
            key: `new ${round}`,
            value: String(index),
            precondition: { condition: { case: "exists", value: false } },
          }),
        ),
      );
      const won = outcomes.flatMap((outcome) =>
        outcome.status === "fulfilled" ? [outcome.value.revision] : [],
      );
      const reasons = outcomes.flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason.reason] : [],
      );
      expect([won, reasons]).toEqual([
        [revision + BigInt(round)],
        Array.from({ length: 8 }, () => "KEY_EXISTS"),
      ]);
    }
  });

  test(`every read sees the same sum during transfers through all replicas (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const accounts = Array.from({ length: 6 }, (_, index) => `account ${index}`);
    const clients = replicas.map((replica) => connectTo(replica));
    const pick = () => random.pick(clients);
    const put = (key: string, value: number) => ({
      kind: { case: "put" as const, value: { key, value: String(value) } },
    });
    const { revision: first } = await pick().commit({ mutations: accounts.map((key) => put(key, 100)) });
    let transfers = 0;
    const transfer = async () => {
      const [from, to] = accounts.toSorted(() => random.below(3) - 1) as [string, string];
      const { entries } = await pick().batchGet({ keys: [from, to] });
      const amount = random.below(10);
      const checks = entries.map(({ key, revision }) => ({
        key,
        precondition: { condition: { case: "revision" as const, value: revision } },
      }));
      const mutations = entries.map(({ key, value }) =>
        put(key, Number(value) + (key === from ? -amount : amount)),
      );
      await pick()
        .commit({ checks, mutations })
        .then(() => transfers++)
        .catch((error: unknown) => expect(error).toMatchObject({ reason: "REVISION_MISMATCH" }));
    };
    const progress = { working: 12 };
    const readSums = async () => {
      while (progress.working > 0) {
        const { entries } = await pick().list({ prefix: "account " });
        expect(entries.reduce((sum, { value }) => sum + Number(value), 0)).toBe(600);
      }
    };
    const readers = Array.from({ length: 6 }, readSums);
    const writers = Array.from({ length: progress.working }, async () => {
      for (let count = 0; count < 10; count++) await transfer();
      progress.working--;
    });
    await Promise.all(writers);
    await Promise.all(readers);
    const { revision } = await expectSameState(replicas);
    expect(BigInt(revision)).toBe(first + BigInt(transfers));
  });
});
