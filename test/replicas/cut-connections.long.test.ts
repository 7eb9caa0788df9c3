import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { type CutMode, startPostgresProxy } from "../support/postgres-proxy.ts";
import { rounds, seed } from "../support/random.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { checkTraffic } from "./check-traffic.ts";
import { connectTo, expectSameState, isReady, startReplica } from "./cluster.ts";

const server = sharedPostgres();
beforeAll(() => console.log(`SEED=${seed}`));

test(`repeated cuts of listening connections do not stop writes (seed ${seed})`, async () => {
  const url = await server.createDatabase();
  let kills = 0;
  const history = await checkTraffic(url, async () => {
    while (kills < 12 * rounds) {
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

test(`cuts of random connections neither lose nor repeat a write (seed ${seed})`, async () => {
  const url = await server.createDatabase();
  let kills = 0;
  await checkTraffic(url, async () => {
    while (kills < 25 * rounds) {
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
  "a write whose connection is cut at any step happens once, with the messages %s",
  async (mode) => {
    const url = await server.createDatabase();
    const proxy = await startPostgresProxy(server.port);
    onTestFinished(() => proxy.close());
    const far = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    const near = await startReplica(url);
    const client = connectTo(far);
    await client.put({ key: "counter", value: "0" });
    let writes = 0;
    // A cut before the first message, then after each message, up to a cut after the response.
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
