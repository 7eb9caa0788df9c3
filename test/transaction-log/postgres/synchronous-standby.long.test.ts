import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import { type PostgresPair, startPostgresPair } from "../../support/postgres-pair.ts";
import { createRandom, seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll, simple } from "../log-model.ts";
import { marksOf } from "../replica.ts";
import { openLogger, openReplica } from "./loggers.ts";

let pair: PostgresPair;
let url: string;
const opened: PostgresTransactionLogger[] = [];

beforeEach(async () => {
  pair = await startPostgresPair();
  url = await pair.primary.createDatabase();
});
afterEach(async () => {
  pair.link.restore();
  for (const log of opened.splice(0)) await log.close();
  await pair.stop();
});

async function open(on: string, options: Parameters<typeof openLogger>[1] = {}) {
  const log = await openLogger(on, { listen: false, leavingMs: 100, ...options });
  opened.push(log);
  return log;
}

/** The URL of the same database on the standby. */
function onStandby(): string {
  return url.replace(`:${pair.primary.port}/`, `:${pair.standby.port}/`);
}

/** Ways to end the wait of an append for the standby; afterwards the primary has the batch. */
const endings: readonly (readonly [string, (pid: number) => Promise<unknown>])[] = [
  ["its backend is terminated", (pid) => queryPrimary(`SELECT pg_terminate_backend(${pid})`)],
  ["its wait is cancelled", (pid) => queryPrimary(`SELECT pg_cancel_backend(${pid})`)],
  [
    "the primary is killed and restarted",
    async () => {
      await pair.primary.kill();
      await pair.primary.restart();
    },
  ],
];

function queryPrimary(text: string) {
  return pair.primary.query(pair.primary.url("postgres"), text);
}

/** The number of batches on the primary, acknowledged or not. */
async function batchesOnPrimary(): Promise<number> {
  const [row] = await pair.primary.query(url, "SELECT count(*)::int AS count FROM duetkv.transactions");
  return row?.["count"] as number;
}

describe("an append that waits for the synchronous standby", () => {
  it.each(endings)("is unknown when %s and the standby does not receive it", async (_, end) => {
    const log = await open(url, { outcomeMs: 2_000, statementTimeoutMs: 1_000 });
    await log.append(0, [simple(1)]);
    pair.link.freeze();
    const appending = log.append(1, [simple(2)]);
    appending.catch(() => {});
    await end(await pair.waitingBackend());
    await until(async () => (await batchesOnPrimary()) === 2);
    await expect(appending).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    await pair.promote();
    expect(await readAll(await open(onStandby()))).toEqual([simple(1)]);
  });

  it.each(endings)("is acknowledged once the standby has it, although %s", async (_, end) => {
    const log = await open(url, { outcomeMs: 60_000, statementTimeoutMs: 1_000 });
    await log.append(0, [simple(1)]);
    pair.link.freeze();
    let settled = false;
    const appending = log.append(1, [simple(2)]).finally(() => {
      settled = true;
    });
    await end(await pair.waitingBackend());
    await until(async () => (await batchesOnPrimary()) === 2);
    await delay(500);
    expect(settled).toBe(false);
    pair.link.restore();
    expect(await appending).toEqual({ appended: true });
    await pair.promote();
    expect(await readAll(await open(onStandby()))).toEqual([simple(1), simple(2)]);
  });
});

describe("a batch whose wait for the synchronous standby was cut", () => {
  it.each(endings)(
    "is not applied by other replicas when %s, so a promotion takes nothing back",
    async (_, end) => {
      const options = {
        outcomeMs: 1_000,
        statementTimeoutMs: 1_000,
        heartbeatMs: 100,
        leavingMs: 100,
        listen: false,
      };
      const log = await open(url, options);
      await log.append(0, [simple(1)]);
      const reader = await openReplica(url, "reader", options);
      pair.link.freeze();
      const appending = log.append(1, [simple(2)]);
      appending.catch(() => {});
      await end(await pair.waitingBackend());
      await until(async () => (await batchesOnPrimary()) === 2);
      // The reader polls ten times in a second.
      await delay(1_500);
      await expect(openReplica(url, "late", options)).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
      expect(reader.applied).toEqual([simple(1)]);
      await expect(appending).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
      await pair.promote();
      expect(await readAll(await open(onStandby()))).toEqual([simple(1)]);
      expect(reader.applied).toEqual([simple(1)]);
      pair.link.restore();
      await reader.close();
    },
  );

  it("is forgotten by a replica that has seen it, when a promotion drops it", async () => {
    const options = { outcomeMs: 500, statementTimeoutMs: 1_000, heartbeatMs: 100 };
    const log = await open(url, options);
    await log.append(0, [simple(1)]);
    const both = url.replace(/@[^/]*/, `@127.0.0.1:${pair.primary.port},127.0.0.1:${pair.standby.port}`);
    const reader = await openReplica(both, "reader", { ...options, leavingMs: 100, listen: false });
    pair.link.freeze();
    const appending = log.append(1, [simple(2)]);
    appending.catch(() => {});
    await queryPrimary(`SELECT pg_terminate_backend(${await pair.waitingBackend()})`);
    await until(async () => (await batchesOnPrimary()) === 2);
    // Refused or not, this looks at the end of the log.
    await reader.log.latestSequence().catch(() => {});
    await expect(appending).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    await pair.primary.kill();
    await pair.promote();
    await until(() => reader.write(1));
    expect(reader.applied.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(marksOf(await readAll(await open(onStandby())))).toEqual(marksOf(reader.applied));
    await reader.close();
    await pair.primary.restart();
  });

  it.each(endings)("is applied by other replicas once the standby has it, although %s", async (_, end) => {
    const options = { outcomeMs: 60_000, statementTimeoutMs: 1_000, heartbeatMs: 100, leavingMs: 100 };
    const log = await open(url, options);
    await log.append(0, [simple(1)]);
    const reader = await openReplica(url, "reader", options);
    pair.link.freeze();
    const appending = log.append(1, [simple(2)]);
    await end(await pair.waitingBackend());
    await until(async () => (await batchesOnPrimary()) === 2);
    pair.link.restore();
    await appending;
    await until(() => reader.applied.length === 2);
    expect(reader.applied).toEqual([simple(1), simple(2)]);
    await reader.close();
  });
});

describe("a replica of a primary without its synchronous standby", () => {
  it("does not report the end of the log after a conflict, because it may be out of date", async () => {
    const options = { heartbeatMs: 50, heartbeatValidMs: 1_000, statementTimeoutMs: 1_000 };
    const log = await open(url, options);
    await (await open(url)).append(0, [simple(1)]);
    expect(await log.append(0, [simple(1)])).toEqual({ appended: false, latest: 1 });
    pair.link.freeze();
    await until(() => expect(log.latestSequence()).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" }));
    await expect(log.append(0, [simple(1)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  });

  it("refuses linearizable reads, so that none is stale after a promotion", async () => {
    const log = await open(url, { heartbeatMs: 50, heartbeatValidMs: 1_000 });
    await log.append(0, [simple(1)]);
    expect(await log.latestSequence()).toBe(1);
    pair.link.freeze();
    await until(() =>
      expect(log.latestSequence()).rejects.toMatchObject({
        reason: "LOG_UNAVAILABLE",
        message: expect.stringContaining("linearizable reads are refused"),
      }),
    );
    await pair.promote();
    const promoted = await open(onStandby());
    // The new primary has no standby to wait for.
    await promoted.append(1, [simple(2)]);
    expect(await promoted.latestSequence()).toBe(2);
    for (let reads = 0; reads < 20; reads++) {
      await expect(log.latestSequence()).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    }
  });

  it("serves linearizable reads again after the return of the standby", async () => {
    const log = await open(url, { heartbeatMs: 50, heartbeatValidMs: 1_000, statementTimeoutMs: 500 });
    await log.append(0, [simple(1)]);
    pair.link.freeze();
    await until(() => expect(log.latestSequence()).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" }));
    pair.link.restore();
    await until(async () => expect(await log.latestSequence()).toBe(1));
  });
});

it("uses the promoted standby when the URL names both servers", async () => {
  const both = url.replace(/@[^/]*/, `@127.0.0.1:${pair.standby.port},127.0.0.1:${pair.primary.port}`);
  const log = await open(both, { heartbeatMs: 50 });
  await log.append(0, [simple(1)]);
  await pair.primary.kill();
  await pair.promote();
  await until(async () => expect(await log.latestSequence()).toBe(1));
  await until(async () => expect(await log.append(1, [simple(2)])).toEqual({ appended: true }));
  expect(await readAll(log)).toEqual([simple(1), simple(2)]);
  await pair.primary.restart();
});

it(`a promotion loses no acknowledged write (SEED=${seed})`, async () => {
  const random = createRandom(seed);
  const options = { outcomeMs: 500, statementTimeoutMs: 500, heartbeatMs: 100, leavingMs: 100 };
  const replicas = [await openReplica(url, "one", options), await openReplica(url, "two", options)];
  const writing = { done: false };
  const writers = replicas.map(async (replica) => {
    while (!writing.done) {
      await replica.write(1 + random.below(3)).catch((error: unknown) => {
        expect(error).toMatchObject({ reason: expect.stringMatching(/LOG_UNAVAILABLE|OUTCOME_UNKNOWN/) });
      });
    }
  });
  for (let round = 0; round < 6; round++) {
    await delay(random.below(300));
    pair.link.freeze();
    await random.pick(endings)[1](await pair.waitingBackend());
    await delay(random.below(600));
    // After the last round the standby stays cut off.
    if (round < 5) pair.link.restore();
  }
  await pair.promote();
  writing.done = true;
  pair.link.restore();
  await Promise.all(writers);
  const present = new Set(marksOf(await readAll(await open(onStandby()))));
  for (const { acknowledged } of replicas) {
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter((mark) => !present.has(mark))).toEqual([]);
  }
  await Promise.all(replicas.map((replica) => replica.close()));
});
