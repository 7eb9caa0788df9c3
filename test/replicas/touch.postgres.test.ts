import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { createRandom, seed } from "../support/random.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, startReplica, startReplicas } from "./cluster.ts";

const server = sharedPostgres();

test("a touch on one replica keeps all of them from expiring the entry, until its new time", async () => {
  const replicas = await startReplicas(await server.createDatabase(), 2);
  const [one, two] = replicas.map((replica) => connectTo(replica)) as [Client, Client];
  // Long enough for a busy machine: the touch must come before the first time, and the witness must expire before the second.
  const { revision } = await one.put({ key: "lock", value: "x", ttl: { seconds: 5n } });
  const { entry } = await two.touch({ key: "lock", ttl: { seconds: 15n } });
  // It expires after the lock would have without the touch.
  await one.put({ key: "witness", value: "x", ttl: { seconds: 5n } });
  await until(async () => expect((await one.batchGet({ keys: ["witness"] })).entries).toEqual([]));
  expect((await one.get({ key: "lock" })).entry).toMatchObject({ revision, expireTime: entry?.expireTime });
  await expectSameState(replicas);
  await until(async () => expect((await two.list({})).entries).toEqual([]));
  const { value: time } = await deleteTime(one, revision);
  expect(time).toBeGreaterThanOrEqual(entry?.expireTime ? timestampMs(entry.expireTime) : Infinity);
});

test(`replicas agree on entries that all of them put, touch and delete, also after a compaction (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const url = await server.createDatabase();
  const flags = ["--compaction-bytes-min", "20000"];
  const replicas = await startReplicas(url, 2, flags);
  const clients = replicas.map((replica) => connectTo(replica));
  const keys = ["a", "b", "c"];
  await Promise.all(
    clients
      .flatMap((client) => [client, client])
      .map(async (client) => {
        for (let step = 0; step < 60; step++) {
          const key = random.pick(keys);
          const ttl = random.chance(0.5) ? { ttl: { seconds: BigInt(1 + random.below(3)) } } : {};
          if (random.chance(0.3)) await client.put({ key, value: "x".repeat(500), ...ttl });
          else if (random.chance(0.1)) await client.delete({ key });
          else await client.touch({ key, ...ttl }).catch(unlessAbsent);
        }
      }),
  );
  const { revision } = await expectSameState(replicas);
  expect(revision).toBeGreaterThan(0);
  // What a replay of the log makes of it.
  await expectSameState([...replicas, await startReplica(url, flags)]);
});

type Client = ReturnType<typeof connectTo>;

/** The time of the first delete of `lock` after `revision`. */
async function deleteTime(client: Client, startRevision: bigint) {
  const controller = new AbortController();
  for await (const { events } of client.watch({ key: "lock", startRevision }, controller.signal)) {
    const time = events.find(({ expired }) => expired)?.entry?.updateTime;
    if (time === undefined) continue;
    controller.abort();
    return { value: timestampMs(time) };
  }
  throw new Error("the watch ended");
}

function unlessAbsent(error: { readonly reason?: string }): void {
  if (error.reason !== "NO_SUCH_KEY") throw error;
}
