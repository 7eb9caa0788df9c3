import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { drain, openLogger } from "./loggers.ts";

const server = sharedPostgres();
let url: string;
let log: PostgresTransactionLogger;

beforeEach(async () => {
  url = await server.createDatabase();
  // No heartbeat runs, so that each test detects the accident in one way.
  log = await openLogger(url, { heartbeatMs: 1_000_000, listen: false, pollMs: 10 });
  await log.append(0, simples(1, 4));
  await log.append(4, simples(5, 2));
});
afterEach(() => log.close());

const sql = (text: string) => server.query(url, text);
const snapshot = async () => {
  for (const table of ["log", "batches", "transactions"]) {
    await sql(`CREATE TABLE ${table}_before AS TABLE duetkv.${table}`);
  }
};
const restore = async () => {
  for (const table of ["log", "batches", "transactions"]) {
    await sql(`DELETE FROM duetkv.${table}; INSERT INTO duetkv.${table} TABLE ${table}_before`);
  }
};

/** Changes of the database between two queries of this replica. */
const accidents: readonly (readonly [string, () => Promise<unknown>])[] = [
  [
    "the end is deleted",
    () => sql("DELETE FROM duetkv.transactions WHERE last > 4; DELETE FROM duetkv.batches WHERE last > 4"),
  ],
  [
    "the end is replaced, up to the same sequence",
    async () => {
      await sql("DELETE FROM duetkv.transactions WHERE last > 4; DELETE FROM duetkv.batches WHERE last > 4");
      const other = await openLogger(url);
      await other.append(4, simples(5, 2));
      await other.close();
    },
  ],
  [
    "the end is replaced, up to a later sequence",
    async () => {
      await sql("DELETE FROM duetkv.transactions WHERE last > 4; DELETE FROM duetkv.batches WHERE last > 4");
      const other = await openLogger(url);
      await other.append(4, simples(5, 9));
      await other.close();
    },
  ],
  [
    "a backup is restored",
    async () => {
      await snapshot();
      await log.append(6, simples(7, 3));
      await restore();
    },
  ],
  [
    "another log replaces it",
    async () => {
      await sql("DROP SCHEMA duetkv CASCADE");
      const other = await openLogger(url);
      await other.append(0, simples(1, 4));
      await other.append(4, simples(5, 5));
      await other.close();
    },
  ],
];

/** Operations that query the database. */
const looks: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["by an append", async () => log.append(await newestKnown(), [simple((await newestKnown()) + 1)])],
  ["by a read barrier", () => log.latestSequence()],
  ["by reading", () => readAll(log)],
  ["by following", async () => drain(log.follow(await newestKnown(), new AbortController().signal))],
  ["by a compaction", () => log.compact(retaining(6, simples(1, 6)))],
];

/** The sequence that the owner has applied before the accident. */
let known: number;
const newestKnown = async () => known;

describe("a database that went back in time", () => {
  for (const [accident, happen] of accidents) {
    it.each(looks)(`is detected when ${accident}: %s`, async (_, look) => {
      known = 6;
      if (accident.startsWith("a backup")) known = 9;
      await happen();
      await expect(look()).rejects.toThrow(/the database went back in time/);
      expect(log.fault?.message).toContain("the database went back in time");
      // The fault is permanent.
      await expect(log.append(known, [simple(known + 1)])).rejects.toMatchObject({
        reason: "DATABASE_WENT_BACK_IN_TIME",
        message: expect.stringContaining("the database went back in time"),
      });
      await expect(log.latestSequence()).rejects.toMatchObject({ reason: "DATABASE_WENT_BACK_IN_TIME" });
      await expect(readAll(log)).rejects.toThrow(/went back/);
    });
  }

  it("is detected by a heartbeat", async () => {
    await log.close();
    log = await openLogger(url, { heartbeatMs: 10 });
    await accidents[0]?.[1]();
    await until(() => log.fault?.message.includes("went back in time") === true);
  });
});

describe("a batch that was never acknowledged and that a failover dropped", () => {
  const drop = () =>
    sql("DELETE FROM duetkv.transactions WHERE last > 6; DELETE FROM duetkv.batches WHERE last > 6");
  const append = async (count: number) => {
    const other = await openLogger(url);
    await other.append(6, simples(7, count));
    await other.close();
  };

  it("is forgotten when only its sequence was seen", async () => {
    await append(1);
    expect(await log.latestSequence()).toBe(7);
    await drop();
    expect(await log.latestSequence()).toBe(6);
    expect(await log.append(6, [simple(7)])).toEqual({ appended: true });
    expect(await readAll(log)).toEqual(simples(1, 7));
    expect(log.fault).toBeUndefined();
  });

  it("is forgotten also when another one is in its place", async () => {
    await append(1);
    expect(await log.latestSequence()).toBe(7);
    await drop();
    await append(2);
    expect(await log.latestSequence()).toBe(8);
    expect(await readAll(log)).toEqual(simples(1, 8));
  });

  const reads: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["read", () => readAll(log)],
    ["followed", () => log.follow(6, new AbortController().signal)[Symbol.asyncIterator]().next()],
  ];
  it.each(reads)("is missed when it was %s", async (_, read) => {
    await append(1);
    await read();
    await drop();
    await expect(log.latestSequence()).rejects.toMatchObject({ reason: "DATABASE_WENT_BACK_IN_TIME" });
  });
});

describe("a damaged log", () => {
  beforeEach(async () => {
    for (let sequence = 7; sequence <= 9; sequence++) await log.append(sequence - 1, [simple(sequence)]);
  });

  it.each([
    ["a missing append", "DELETE FROM duetkv.transactions WHERE last = 7"],
    ["a missing first append", "DELETE FROM duetkv.transactions WHERE last = 4"],
    ["a missing last append", "DELETE FROM duetkv.transactions WHERE last = 9"],
    ["all appends missing", "DELETE FROM duetkv.transactions"],
    ["an empty append", "UPDATE duetkv.transactions SET events = '' WHERE last = 7"],
    ["a truncated append", "UPDATE duetkv.transactions SET events = substr(events, 1, 10) WHERE last = 7"],
    [
      "a repeated append",
      "UPDATE duetkv.transactions SET events = (SELECT events FROM duetkv.transactions WHERE last = 6) WHERE last = 7",
    ],
    [
      "an append with the number of the previous one",
      "UPDATE duetkv.transactions SET last = 5 WHERE last = 7",
    ],
  ])("is refused: %s", async (_, damage) => {
    await sql(damage);
    await expect(readAll(log)).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    // A second logger, because a follower leaves out its own logger's transactions.
    const other = await openLogger(url, { listen: false });
    const others = drain(other.follow(0, new AbortController().signal));
    await expect(others).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    await other.close();
  });
});
