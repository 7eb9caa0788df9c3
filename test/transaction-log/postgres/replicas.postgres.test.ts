import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import type { PostgresTransactionLoggerOptions } from "../../../src/transaction-log/postgres/options.ts";
import { createRandom, seed } from "../../support/random.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { until } from "../../support/until.ts";
import { simple } from "../log-model.ts";
import { expectOneHistory, marksOf, type Replica } from "../replica.ts";
import { expectNothingOpen, openLogger, openReplica } from "./loggers.ts";

const server = sharedPostgres();
let url: string;
const replicas: Replica[] = [];

afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  await expectNothingOpen(server, url);
});

async function openReplicas(count: number, options: Partial<PostgresTransactionLoggerOptions> = {}) {
  url = await server.createDatabase();
  for (let index = 0; index < count; index++) {
    // On a busy machine a heartbeat may be late, for which a replica refuses to write.
    replicas.push(await openReplica(url, `replica-${index}`, { heartbeatValidMs: 120_000, ...options }));
  }
  return replicas;
}

async function writeAll(batches: number, random = createRandom(seed)) {
  await Promise.all(
    replicas.map(async (replica) => {
      for (let index = 0; index < batches; index++) {
        await replica.write(1 + random.below(5));
        if (random.chance(0.3)) await delay(random.below(5));
      }
    }),
  );
}

describe(`replicas on one database (SEED=${seed})`, () => {
  const ways: readonly (readonly [string, Partial<PostgresTransactionLoggerOptions>])[] = [
    // With this interval a test that depends on polling would not end.
    ["by notifications", { listenPollMs: 1_000_000 }],
    ["by polling alone", { listen: false, pollMs: 5 }],
    ["one append a page", { pageLimits: { pieces: 1, bytes: 1_000_000 } }],
    ["one byte a page", { pageLimits: { pieces: 100, bytes: 1 } }],
  ];
  it.each(ways)("three replicas write one history: %s", async (_, options) => {
    await openReplicas(3, options);
    await writeAll(25);
    const log = await expectOneHistory(replicas);
    expect(marksOf(log).length).toBe(log.length);
  });

  it("lets a slow replica write beside a much faster one", async () => {
    const [quick, slow] = (await openReplicas(2)) as [Replica, Replica];
    const state = { done: false };
    const writing = (async () => {
      while (!state.done) await quick.write(1);
    })();
    // Without the lease its basis would always be old.
    for (let index = 0; index < 5; index++) await slow.write(20, () => delay(30));
    state.done = true;
    await writing;
    await expectOneHistory(replicas);
  });

  it("continues when a replica takes the lease and does not use it", async () => {
    const [one, two] = (await openReplicas(2)) as [Replica, Replica];
    await one.write(1);
    // Two conflicts in a row take the lease; no append follows.
    for (let round = 0; round < 2; round++) {
      expect(await two.log.append(0, [{ ...one.applied[0]!, sequence: 1 }])).toEqual({
        appended: false,
        latest: 1,
      });
    }
    await one.write(1);
    await expectOneHistory(replicas);
  });

  it("shares leases with replicas of version 0.1, and none with another deployment", async () => {
    const [replica] = (await openReplicas(1)) as [Replica];
    await server.query(url, "CREATE SCHEMA duetkv_other");
    const other = await openLogger(url, { deployment: "other" });
    const old = new Client({ connectionString: url });
    await old.connect();
    // A lease, as version 0.1 takes it.
    await old.query("SELECT pg_advisory_lock(1685415284, 3)");
    let appended = false;
    const appending = replica.write(1).finally(() => {
      appended = true;
    });
    await until(async () => {
      const waiting = await server.query(url, "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory'");
      return appended || waiting.length > 0;
    });
    const waited = !appended;
    await other.append(0, [simple(1)]);
    await other.close();
    await old.end();
    await appending;
    expect(waited).toBe(true);
  });

  it("misses no transaction while listening connections are killed repeatedly", async () => {
    await openReplicas(2, { listenPollMs: 50 });
    const killing = { done: false, kills: 0 };
    const killer = (async () => {
      while (!killing.done) {
        const rows = await server.query(
          url,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        );
        killing.kills += rows.length;
        await delay(5);
      }
    })();
    await writeAll(30);
    await until(() => killing.kills >= 5);
    killing.done = true;
    await killer;
    await expectOneHistory(replicas);
  });

  it("misses no transaction while random connections are killed", async () => {
    await openReplicas(2);
    const killing = { done: false, kills: 0 };
    const killer = (async () => {
      while (!killing.done) {
        const rows = await server.query(
          url,
          `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS victim`,
        );
        killing.kills += rows.length;
        await delay(20);
      }
    })();
    await Promise.all(
      replicas.map(async (replica) => {
        for (let index = 0; index < 40 || killing.kills < 20; index++) {
          await replica.write(3).catch((error: unknown) => {
            expect(error).toMatchObject({ reason: expect.stringMatching(/LOG_UNAVAILABLE|OUTCOME_UNKNOWN/) });
          });
        }
      }),
    );
    killing.done = true;
    await killer;
    await until(() => replicas.every(({ log }) => log.fault === undefined));
    await expectOneHistory(replicas);
  });

  it("misses no transaction because of a long foreign transaction", async () => {
    const [one] = (await openReplicas(2)) as [Replica];
    const other = await server.query(url, "CREATE TABLE other (id bigserial)");
    expect(other).toEqual([]);
    const foreign = new Client({ connectionString: url });
    await foreign.connect();
    await foreign.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await foreign.query("INSERT INTO other DEFAULT VALUES");
    await writeAll(10);
    await expectOneHistory(replicas);
    await foreign.query("COMMIT");
    await foreign.end();
    await writeAll(5);
    await expectOneHistory(replicas);
    expect(one.failure).toBeUndefined();
  });

  it("gives a late follower all transactions after its start", async () => {
    const [one] = (await openReplicas(1)) as [Replica];
    for (let index = 0; index < 5; index++) await one.write(4);
    const late = await openReplica(url, "late", { pageLimits: { pieces: 2, bytes: 1_000 } });
    replicas.push(late);
    await one.write(4);
    const seen: number[] = [];
    const abort = new AbortController();
    for await (const batch of late.log.follow(7, abort.signal)) {
      seen.push(...batch.map(({ sequence }) => sequence));
      if (seen.at(-1) === 24) abort.abort();
    }
    expect(seen).toEqual(Array.from({ length: 17 }, (_, index) => 8 + index));
    await expectOneHistory(replicas);
  });
});
