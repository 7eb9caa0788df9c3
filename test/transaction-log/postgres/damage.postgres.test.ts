import { crc32 } from "node:zlib";
import { Client } from "pg";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { inspectPostgresLog } from "../../../src/transaction-log/postgres/inspect.ts";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import { seed, stride } from "../../support/random.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { LogModel, readAll, retaining, simples } from "../log-model.ts";
import { drain, openLogger } from "./loggers.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

const server = sharedPostgres();
const corrupt = { reason: "LOG_CORRUPT" };
let url: string;
let log: PostgresTransactionLogger;
/** One connection for all damage of a test: a new one for each would take most of the time. */
let database: Client;

/** Rows that end at 4, 5, 8 and 10; the first one is what a compaction has left. */
beforeEach(async () => {
  url = await server.createDatabase();
  log = await openLogger(url);
  const opened = log;
  onTestFinished(() => opened.close());
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  database = client;
  const model = new LogModel();
  model.transactions.push(...simples(1, 10));
  for (const [from, to] of [
    [0, 2],
    [2, 4],
    [4, 5],
    [5, 8],
    [8, 10],
  ] as const) {
    await log.append(from, model.transactions.slice(from, to));
  }
  await log.compact(retaining(4, model.transactions.slice(2, 4)));
});

/** Changes a row, looks, and changes it back. */
async function withRow(change: string, undo: string, look: () => Promise<unknown>): Promise<void> {
  await database.query(change);
  await look();
  await database.query(undo);
}

async function eventsOf(last: number): Promise<Buffer> {
  const { rows } = await database.query("SELECT events FROM duetkv.transactions WHERE last = $1", [last]);
  return rows[0]?.events;
}

const setEvents = (last: number, events: Buffer) =>
  `UPDATE duetkv.transactions SET events = '\\x${events.toString("hex")}' WHERE last = ${last}`;

function flipped(bytes: Buffer, offset: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[offset] = (damaged[offset] as number) ^ (1 << (offset % 8));
  return damaged;
}

describe("a damaged row of transactions", { timeout }, () => {
  it.each([4, 5, 8, 10])(
    `is refused by a replay, whichever byte has changed: %i (seed ${seed})`,
    async (last) => {
      const events = await eventsOf(last);
      for (let offset = seed % stride; offset < events.length; offset += stride) {
        await withRow(setEvents(last, flipped(events, offset)), setEvents(last, events), async () => {
          await expect(readAll(log), `byte ${offset}`).rejects.toMatchObject(corrupt);
        });
      }
      expect((await readAll(log)).at(-1)?.sequence).toBe(10);
    },
  );

  it("is refused by a replica that follows, and by a compaction", async () => {
    const events = await eventsOf(8);
    // A logger does not follow what it has appended itself.
    const other = await openLogger(url);
    for (let offset = 3; offset < events.length; offset += 20) {
      await withRow(setEvents(8, flipped(events, offset)), setEvents(8, events), async () => {
        await expect(drain(other.follow(4, new AbortController().signal))).rejects.toMatchObject(corrupt);
      });
    }
    await other.close();
    await database.query(setEvents(8, flipped(events, 90)));
    await expect(log.compact(retaining(10))).rejects.toMatchObject(corrupt);
  });

  it("is refused as newer when a later release has written it, also by a replica that follows", async () => {
    const events = await eventsOf(10);
    events.writeUInt32LE(3, 20);
    events.writeUInt32LE(crc32(events.subarray(20)), 16);
    await database.query(setEvents(10, events));
    const newer = { reason: "LOG_VERSION" };
    await expect(readAll(log)).rejects.toMatchObject(newer);
    const other = await openLogger(url);
    await expect(drain(other.follow(4, new AbortController().signal))).rejects.toMatchObject(newer);
    await other.close();
  });

  it("is refused when its end is another one", async () => {
    const change = (from: number | bigint, to: number | bigint) =>
      `UPDATE duetkv.transactions SET last = ${to} WHERE last = ${from}`;
    for (const last of [4n, 5n, 8n, 10n]) {
      for (const bit of [0n, 1n, 4n, 8n, 17n, 26n, 35n, 44n, 53n, 62n]) {
        const other = last ^ (1n << bit);
        if ([4n, 5n, 8n, 10n].includes(other)) continue;
        await withRow(change(last, other), change(other, last), async () => {
          await expect(readAll(log), `${last} to ${other}`).rejects.toMatchObject(corrupt);
        });
      }
    }
  });

  it("is refused when it is gone, or is the row of another log", async () => {
    for (const last of [5, 8, 10]) {
      const undo = `INSERT INTO duetkv.transactions VALUES (${last}, '\\x${(await eventsOf(last)).toString("hex")}')`;
      await withRow(`DELETE FROM duetkv.transactions WHERE last = ${last}`, undo, async () => {
        await expect(readAll(log), `${last}`).rejects.toMatchObject(corrupt);
      });
    }
    const other = await server.createDatabase();
    const otherLog = await openLogger(other);
    await otherLog.append(0, simples(1, 5));
    await otherLog.append(5, simples(6, 3));
    await otherLog.close();
    const [row] = await server.query(other, "SELECT events FROM duetkv.transactions WHERE last = 8");
    await database.query(setEvents(8, row?.["events"] as Buffer));
    await expect(readAll(log)).rejects.toMatchObject(corrupt);
  });
});

describe("a damaged row of the newest batch", { timeout }, () => {
  const changes: readonly (readonly [string, string])[] = [
    ["id", "id = '11111111-2222-4333-8444-555555555555'"],
    ["a larger end", "last = 11"],
    ["a smaller end", "last = 9"],
    ["a smaller basis", "basis = 3"],
  ];
  it.each(changes)("is refused by a replica that starts: %s", async (_what, change) => {
    await log.close();
    await database.query(`UPDATE duetkv.batches SET ${change} WHERE last = 10`);
    const started = await openLogger(url);
    onTestFinished(() => started.close());
    await expect(readAll(started)).rejects.toMatchObject(corrupt);
  });

  it("is refused by a replica that runs, when an older batch seems to be the newest", async () => {
    await database.query("UPDATE duetkv.batches SET basis = 3 WHERE last = 10");
    await expect(log.latestSequence()).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: expect.stringContaining("damaged"),
    });
    expect(log.fault).toMatchObject(corrupt);
  });
});

describe("a flipped byte in a column", { timeout }, () => {
  const flipBigint = (column: string, bit: number) => `${column} = ${column} # (1::bigint << ${bit})`;
  const flipUuid = (column: string, byte: number) =>
    `${column} = encode(set_byte(uuid_send(${column}), ${byte}, get_byte(uuid_send(${column}), ${byte}) # 16), 'hex')::uuid`;

  /** Of each row after the horizon each byte in turn; `events` has a test above. */
  const columns: readonly (readonly [table: string, column: string, type: "bigint" | "uuid"])[] = [
    ["transactions", "last", "bigint"],
    ["batches", "last", "bigint"],
    ["batches", "basis", "bigint"],
    ["batches", "id", "uuid"],
  ];
  it.each(columns)("is found by a verification: %s.%s", async (table, column, type) => {
    await database.query("ALTER TABLE duetkv.batches DROP CONSTRAINT batches_check");
    for (const last of [5n, 8n, 10n]) {
      for (let byte = 0; byte < (type === "uuid" ? 16 : 8); byte++) {
        // No other row has such an end or basis.
        const bit = 8 * byte + 4 + (byte % 4);
        const change = type === "uuid" ? flipUuid(column, byte) : flipBigint(column, bit);
        const flippedLast = column === "last" ? BigInt.asIntN(64, last ^ (1n << BigInt(bit))) : last;
        const at = (end: bigint) => `UPDATE duetkv.${table} SET ${change} WHERE last = ${end}`;
        await withRow(at(last), at(flippedLast), async () => {
          expect(await findDamage(), `byte ${byte} of ${last}`).toMatchObject(corrupt);
        });
      }
    }
    expect(await findDamage()).toBeUndefined();
  });

  it("is found by a replica that runs: log.history", async () => {
    for (const byte of [0, 5, 10, 15]) {
      const change = `UPDATE duetkv.log SET ${flipUuid("history", byte)}`;
      const other = await openLogger(url);
      await withRow(change, change, async () => {
        await expect(other.latestSequence()).rejects.toMatchObject({ reason: "DATABASE_WENT_BACK_IN_TIME" });
      });
      await other.close();
    }
  });

  it("is found when it moves the horizon beyond the end, or before what was compacted: log.horizon", async () => {
    for (let byte = 0; byte < 8; byte++) {
      // From 4 to 0, or far beyond 10, or below 0.
      const change = `UPDATE duetkv.log SET ${flipBigint("horizon", 8 * byte + (byte === 0 ? 2 : 7))}`;
      await withRow(change, change, async () => {
        expect(await findDamage(), `byte ${byte}`).toMatchObject(corrupt);
        await expect(readFromStart(), `byte ${byte}`).rejects.toMatchObject(corrupt);
      });
    }
    expect(await findDamage()).toBeUndefined();
  });
});

/** Reads the log as a replica that starts. */
async function readFromStart(): Promise<unknown> {
  const started = await openLogger(url);
  try {
    return await readAll(started);
  } finally {
    await started.close();
  }
}

/** What a verification finds. */
function findDamage(): Promise<unknown> {
  return inspectPostgresLog({ url, log: silentSink }).then(
    ({ damage }) => damage,
    (error: unknown) => error,
  );
}
