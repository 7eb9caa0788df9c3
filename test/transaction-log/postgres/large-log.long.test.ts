import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Connections } from "../../../src/transaction-log/postgres/connection/connections.ts";
import { Hosts } from "../../../src/transaction-log/postgres/connection/hosts.ts";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { rounds } from "../../support/random.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { put, simple, transaction } from "../log-model.ts";
import { expectNothingOpen, openLogger } from "./loggers.ts";

/** Transactions in the log; the memory in use must not depend on it. */
const count = 200_000 * rounds;
/** Less than half of what 200,000 of these transactions occupy. */
const growthBytesMax = 32 * 1024 * 1024;
const value = "x".repeat(64);

const server = sharedPostgres();
let url: string;
const opened: PostgresTransactionLogger[] = [];

beforeEach(async () => {
  url = await server.createDatabase();
});
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
  await expectNothingOpen(server, url);
});

async function open() {
  const log = await openLogger(url);
  opened.push(log);
  return log;
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Memory in use, without garbage. */
function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Reads `count` transactions and returns the largest growth of memory meanwhile, in bytes. */
async function growthOf(what: string, batches: AsyncIterable<readonly Transaction[]>): Promise<number> {
  const before = liveBytes();
  const start = performance.now();
  let measuring = 0;
  let growth = 0;
  let next = 1;
  let reads = 0;
  for await (const batch of batches) {
    for (const { sequence } of batch) if (sequence !== next++) expect(sequence).toBe(next - 1);
    if (reads++ % 20 === 0) {
      const began = performance.now();
      growth = Math.max(growth, liveBytes() - before);
      measuring += performance.now() - began;
    }
    if (next > count) break;
  }
  expect(next).toBe(count + 1);
  if (rounds > 1) {
    const seconds = (performance.now() - start - measuring) / 1000;
    const megabytes = (growth / 2 ** 20).toFixed(1);
    console.log(`${what} ${count}: ${Math.round(count / seconds)}/s, growth at most ${megabytes} MiB`);
  }
  return growth;
}

it(`keeps one page of ${count} transactions in memory during replay and follow`, async () => {
  const writer = await open();
  for (let basis = 0; basis < count; basis += 1_000) {
    const length = Math.min(1_000, count - basis);
    await writer.append(
      basis,
      Array.from({ length }, (_, index) => transaction(basis + 1 + index, put(`key ${index}`, value))),
    );
  }
  const reader = await open();
  expect(await growthOf("replay of", reader.readTransactions(0))).toBeLessThan(growthBytesMax);
  const following = reader.follow(0, new AbortController().signal);
  expect(await growthOf("follow of", following)).toBeLessThan(growthBytesMax);
});

it("reads large appends one at a time", async () => {
  const writer = await open();
  const large = "x".repeat(1024 * 1024);
  for (let sequence = 1; sequence <= 20; sequence++) {
    await writer.append(sequence - 1, [transaction(sequence, put("large", large))]);
  }
  const reader = await open();
  const sizes: number[] = [];
  for await (const batch of reader.readTransactions(0)) sizes.push(batch.length);
  expect(sizes).toEqual(Array.from({ length: 20 }, () => 1));
});

it("uses the index, also before the database has statistics", async () => {
  const writer = await open();
  for (let sequence = 1; sequence <= 200; sequence++) await writer.append(sequence - 1, [simple(sequence)]);
  const connections = new Connections({
    hosts: new Hosts([url]),
    schema: "duetkv",
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
  });
  const { rows } = await connections.withConnection((connection) =>
    connection.query({
      text: "EXPLAIN SELECT * FROM duetkv.transactions WHERE last > 1 ORDER BY last LIMIT 10",
    }),
  );
  await connections.close();
  expect(JSON.stringify(rows)).toContain("Index Scan using transactions_pkey");
  expect(JSON.stringify(rows)).not.toContain("Sort");
});
