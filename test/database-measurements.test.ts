import { expect, onTestFinished, test } from "vitest";
import { type Database, type Operation, openDatabase } from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { openFileTransactionLogger } from "../src/transaction-log/file/file-transaction-logger.ts";
import { put } from "./committer/committing.ts";
import { FakeLogger } from "./committer/fake-logger.ts";
import { temporaryDirectory } from "./support/temporary-directory.ts";
import { until } from "./support/until.ts";

async function open(logger = new FakeLogger()): Promise<{ database: Database; logger: FakeLogger }> {
  const database = await openDatabase({ logger, limits: defaultLimits, log: silentLogger });
  onTestFinished(() => database.close());
  return { database, logger };
}

const write = (key: string, ttlMs = 0): Operation => ({
  checks: [],
  mutations: [put(key, "v", ttlMs)],
  requestId: undefined,
});

const count = ({ counts }: { counts: Float64Array }) => counts.reduce((sum, each) => sum + each, 0);

test("appends, their transactions and the wait of each operation are measured", async () => {
  const { database, logger } = await open();
  const release = logger.hold();
  const first = database.commit(write("a"));
  await until(() => logger.appends.length === 1);
  const others = [database.commit(write("b")), database.commit(write("c"))];
  release();
  await Promise.all([first, ...others]);
  const { appendSeconds, batchTransactions, queueWaitSeconds, appendFailures } = database.measurements();
  expect([count(appendSeconds), count(batchTransactions), batchTransactions.sum]).toEqual([2, 2, 3]);
  expect(count(queueWaitSeconds)).toBe(3);
  expect(queueWaitSeconds.sum).toBeGreaterThan(0);
  expect(appendFailures.size).toBe(0);
});

test("an append that fails is counted by its reason", async () => {
  const { database, logger } = await open();
  logger.failNext(new Error("on purpose"));
  await expect(database.commit(write("a"))).rejects.toThrow("on purpose");
  expect([...database.measurements().appendFailures]).toEqual([["INTERNAL", 1]]);
});

test("watches are measured: what they were given, what waits, how far behind they are, how they ended", async () => {
  const { database } = await open();
  const left = new AbortController();
  const selector = { key: "a" };
  const options = { selector, startRevision: undefined, includeExisting: false, previous: false };
  const watch = database.watch(options, left.signal);
  await watch.next();
  // The reader takes nothing meanwhile.
  for (let round = 0; round < 3; round++) await database.commit(write("a"));
  expect(database.measurements().watches).toMatchObject({ lagRevisions: 3, sentEvents: 0 });
  expect(database.measurements().watches.queueBytes).toBeGreaterThan(0);
  for (let round = 0; round < 3; round++) await watch.next();
  expect(database.measurements().watches).toMatchObject({ lagRevisions: 0, sentEvents: 3 });
  left.abort();
  expect([...database.measurements().watches.ended]).toEqual([["canceled", 1]]);
});

test("deletes of expired entries are counted, and an overdue one shows how long it waits", async () => {
  const { database, logger } = await open();
  await database.commit(write("a", 1000));
  const release = logger.hold();
  await until(() => database.measurements().expiry.lagMs > 0);
  release();
  await until(() => database.measurements().expiry.expired === 1);
  expect(database.measurements().expiry.lagMs).toBe(0);
});

test("a file log shows what it occupies, what it has appended, and the room on its disk", async () => {
  const logger = await openFileTransactionLogger({ directory: await temporaryDirectory() });
  const database = await openDatabase({ logger, limits: defaultLimits, log: silentLogger });
  onTestFinished(() => database.close());
  const before = database.measurements().log;
  await database.commit(write("a"));
  const { bytes = 0, appendedBytes = 0, diskFreeBytes = 0 } = database.measurements().log;
  expect(appendedBytes).toBeGreaterThan(0);
  expect(bytes - (before.bytes ?? 0)).toBe(appendedBytes);
  expect(diskFreeBytes).toBeGreaterThan(0);
  expect(database.measurements().replicaLag).toBeUndefined();
});
