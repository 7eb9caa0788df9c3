import { expect, test } from "vitest";
import { type Database, openDatabase, type TransactionLogger } from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { MemoryTransactionLogger } from "../src/transaction-log/memory/memory-transaction-logger.ts";

const open = (logger: TransactionLogger) =>
  openDatabase({ logger, limits: defaultLimits, log: silentLogger });

async function backupOf(database: Database): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(database.snapshot(new AbortController().signal)));
}

test("neither the status nor a backup has the id of the log, with which a value could hold its frames", async () => {
  const logger = new MemoryTransactionLogger();
  const database = await open(logger);
  const logId = Buffer.from(logger.id, "hex");
  const storeId = Buffer.from(database.status().storeId, "hex");
  expect(storeId).toHaveLength(8);
  expect(storeId.equals(logId)).toBe(false);
  const backup = await backupOf(database);
  expect([backup.includes(storeId), backup.includes(logId)]).toEqual([true, false]);
  await database.close();
});

test("a store has the same id after a restart, and another log has another one", async () => {
  const logger = new MemoryTransactionLogger();
  const databases = [await open(logger), await open(logger), await open(new MemoryTransactionLogger())];
  const [first, again, other] = databases.map(({ storeId }) => storeId);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
  await Promise.all(databases.map((database) => database.close()));
});
