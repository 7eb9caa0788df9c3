import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { type CutMode, startPostgresProxy } from "../support/postgres-proxy.ts";
import { createRandom, seed } from "../transaction-log/random.ts";
import { connectTo, expectSameState, isReady, startReplica, startReplicas, until } from "./cluster.ts";
import { ReplicaHistory, readTruth } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);

let server: PostgresServer;
beforeAll(async () => {
  console.log(`SEED=${seed}`);
  server = await startPostgres();
});
afterAll(() => server.stop());

/** Runs traffic until `disturb` is through and there were enough calls, and checks all of it. */
async function checkTraffic(url: string, disturb: (ready: () => Promise<boolean[]>) => Promise<void>) {
  const random = createRandom(seed);
  const replicas = await startReplicas(url, 3);
  const clients = new Clients(random, replicas);
  onTestFinished(() => clients.close());
  const history = new ReplicaHistory();
  const traffic = new Traffic({ history, random, keys, target: clients.pick });
  let disturbed = false;
  const disturbing = disturb(() => Promise.all(replicas.map(isReady))).finally(() => {
    disturbed = true;
  });
  await Promise.all([traffic.run(20, () => disturbed && history.operations > 600), disturbing]);
  for (const replica of replicas) await until(() => isReady(replica));
  const { revision } = await expectSameState(replicas);
  const truth = await readTruth(connectTo(replicas[0] as (typeof replicas)[number]), () => revision);
  expect(history.problems(truth)).toEqual([]);
  expect(truth.size).toBe(revision);
  return history;
}

test(`a database that is killed among writes costs nothing that was acknowledged (seed ${seed})`, async () => {
  const own = await startPostgres();
  onTestFinished(() => own.stop());
  const history = await checkTraffic(await own.createDatabase(), async (ready) => {
    for (let kill = 0; kill < 2; kill++) {
      await delay(500);
      await own.kill();
      await until(async () => !(await ready()).includes(true));
      await own.restart();
      await until(async () => !(await ready()).includes(false));
    }
  });
  expect(history.refused + history.unknown).toBeGreaterThan(0);
});

test(`listening connections that are cut again and again delay nobody for ever (seed ${seed})`, async () => {
  const url = await server.createDatabase();
  let kills = 0;
  const history = await checkTraffic(url, async () => {
    while (kills < 12) {
      kills += (
        await server.query(
          url,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')`,
        )
      ).length;
      await delay(20);
    }
  });
  expect(history.unknown).toBe(0);
});

test(`any connection may be cut at any time (seed ${seed})`, async () => {
  const url = await server.createDatabase();
  let kills = 0;
  await checkTraffic(url, async () => {
    while (kills < 25) {
      kills += (
        await server.query(
          url,
          `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS victim`,
        )
      ).length;
      await delay(30);
    }
  });
});

const modes: readonly CutMode[] = ["lost", "late"];
test.each(modes)(
  "a write whose connection is cut at any step, its messages %s, happens once",
  async (mode) => {
    const url = await server.createDatabase();
    const proxy = await startPostgresProxy(server.port);
    onTestFinished(() => proxy.close());
    const far = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    const near = await startReplica(url);
    const client = connectTo(far);
    await client.put({ key: "counter", value: "0" });
    let writes = 0;
    // Before anything is sent, then after each message, until the answer has come through before the cut.
    for (let cuts = 0; cuts < 8; cuts++) {
      await proxy.settled();
      await until(() => isReady(far));
      proxy.cutAt("duetkv-append", cuts, mode);
      const { entry } = await client.put({ key: "counter", value: String(++writes) });
      expect(entry?.version).toBe(BigInt(writes + 1));
    }
    await proxy.settled();
    await until(() => isReady(far));
    const { entry, revision } = await connectTo(near).get({ key: "counter" });
    expect([entry?.value, entry?.version, revision]).toEqual([
      String(writes),
      BigInt(writes + 1),
      BigInt(writes + 1),
    ]);
    await expectSameState([far, near]);
  },
);

test("only a database that stays away leaves open what became of a write", async () => {
  const url = await server.createDatabase();
  const proxy = await startPostgresProxy(server.port);
  onTestFinished(() => proxy.close());
  const far = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`));
  const near = await startReplica(url);
  const [client, other] = [connectTo(far), connectTo(near)];
  await client.put({ key: "a", value: "0" });
  for (const away of ["shortly", "long"] as const) {
    // The append reaches the database, its answer does not come back.
    proxy.cutAt("duetkv-append", 3, "late");
    const outcome = client.put({ key: away, value: "1" }).then(
      () => "OK",
      (error: unknown) => (error as { readonly reason?: string }).reason,
    );
    await until(() => proxy.wasCut);
    proxy.refuse();
    if (away === "shortly") {
      await delay(500);
      proxy.restore();
      expect(await outcome).toBe("OK");
    } else {
      expect(await outcome).toBe("OUTCOME_UNKNOWN");
      await expect(client.put({ key: "b", value: "1" })).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
      proxy.restore();
    }
    await proxy.settled();
    await until(() => isReady(far));
  }
  // Whether it happened or not, all agree.
  await client.put({ key: "a", value: "1" });
  expect((await other.get({ key: "a" })).entry?.version).toBe(2n);
  await expect(other.get({ key: "b" })).rejects.toMatchObject({ reason: "NO_SUCH_KEY" });
  await expectSameState([far, near]);
});
