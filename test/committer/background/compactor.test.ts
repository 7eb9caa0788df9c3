import { expect, test } from "vitest";
import { Applier } from "../../../src/committer/applier.ts";
import { Compactor } from "../../../src/committer/background/compactor.ts";
import type { Committer } from "../../../src/committer/committer.ts";
import { Committer as RealCommitter } from "../../../src/committer/committer.ts";
import { replay } from "../../../src/committer/replay.ts";
import { RequestIndex } from "../../../src/committer/request-index.ts";
import { defaultLimits } from "../../../src/limits.ts";
import { entryBytes } from "../../../src/store/entry.ts";
import { Store } from "../../../src/store/store.ts";
import { MemoryTransactionLogger } from "../../../src/transaction-log/memory/memory-transaction-logger.ts";
import type { Retention } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll } from "../../transaction-log/log-model.ts";
import { contents, operation, put, remove } from "../committing.ts";

interface Compacting {
  readonly store: Store;
  readonly committer: Committer;
  readonly compactor: Compactor;
  readonly replayedBytes: number;
  readonly errors: unknown[];
}

async function start(logger: MemoryTransactionLogger, bytesMin: number): Promise<Compacting> {
  const store = new Store();
  const errors: unknown[] = [];
  const replayedBytes = (await replay(logger, store, () => {})) ?? Number.NaN;
  const onError = (error: unknown) => errors.push(error);
  const requests = new RequestIndex();
  const compactor = new Compactor({ store, requests, logger, bytesMin, onError }, replayedBytes);
  const committer = new RealCommitter({
    store,
    requests,
    logger,
    limits: defaultLimits,
    clock: () => 1,
    applier: new Applier({
      store,
      logger,
      onApplied: (transaction) => requests.applied(transaction),
      onRun: (transactions) => compactor.onRun(transactions),
    }),
  });
  return { store, committer, compactor, replayedBytes, errors };
}

/** Counts compactions, and fails them when it is told to. */
class CountingLogger extends MemoryTransactionLogger {
  compactions: number[] = [];
  failure: Error | undefined;
  compactionWanted = false;

  override async compact(retention: Retention): Promise<void> {
    this.compactions.push(retention.horizon);
    if (this.failure !== undefined) throw this.failure;
    await super.compact(retention);
  }
}

const value = "x".repeat(1000);
const bytes = entryBytes("key", value, 0);

test("compacts when as much was written as the store holds, and at least the minimum", async () => {
  const logger = new CountingLogger();
  const { committer } = await start(logger, 10 * bytes);
  for (let count = 1; count <= 25; count++) await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([10, 20]);
  // Now the store is larger than the minimum.
  for (let key = 0; key < 40; key++) await committer.commit(operation([put(`${key}ey`, value)]));
  logger.compactions = [];
  const live = 41;
  for (let count = 0; count < 3 * live; count++) await committer.commit(operation([put("key", value)]));
  expect(logger.compactions.length).toBeGreaterThanOrEqual(2);
  expect(logger.compactions.length).toBeLessThanOrEqual(3);
});

test("compacts as soon as the log wants it, with and without writes", async () => {
  const logger = new CountingLogger();
  const { committer, compactor } = await start(logger, 1_000_000);
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([]);
  logger.compactionWanted = true;
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([2]);
  await until(() => logger.compactions.length > 1);
  compactor.close();
});

test("compacts soon after a start when the log is mostly garbage", async () => {
  const logger = new CountingLogger();
  const first = await start(logger, 1_000_000);
  for (let count = 0; count < 30; count++) await first.committer.commit(operation([put("key", value)]));
  const second = await start(logger, 10 * bytes);
  expect(second.replayedBytes).toBe(30 * bytes);
  expect(logger.compactions).toEqual([]);
  await second.committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([31]);
});

test("tells of a compaction that failed, and tries again when as much was written again", async () => {
  const logger = new CountingLogger();
  const { committer, errors } = await start(logger, 5 * bytes);
  logger.failure = new Error("no");
  for (let count = 0; count < 9; count++) await committer.commit(operation([put("key", value)]));
  expect([logger.compactions, errors]).toEqual([[5], [logger.failure]]);
  logger.failure = undefined;
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([5, 10]);
  expect(logger.horizon).toBe(10);
});

test("a log of which nothing is left keeps its revision", async () => {
  const logger = new MemoryTransactionLogger();
  const first = await start(logger, Number.MAX_SAFE_INTEGER);
  for (const mutation of [put("a", "1"), put("b", "2"), remove("a"), remove("b")]) {
    await first.committer.commit(operation([mutation]));
  }
  await first.compactor.compact();
  expect(await readAll(logger)).toEqual([]);
  const second = await start(logger, Number.MAX_SAFE_INTEGER);
  expect(second.store.revision).toBe(4);
  expect(await second.committer.commit(operation([put("a", "3")]))).toMatchObject({ revision: 5 });
});

test(`a compacted log gives the same store, with writes under way (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const logger = new MemoryTransactionLogger();
  let running = await start(logger, 20_000);
  for (let restart = 0; restart < 20; restart++) {
    const writes: Promise<unknown>[] = [];
    for (let count = 0; count < 200; count++) {
      const key = `key ${random.below(30)}`;
      const mutation = random.chance(0.4) ? remove(key) : put(key, "x".repeat(random.below(100)));
      writes.push(running.committer.commit(operation([mutation])));
      if (random.chance(0.2)) await Promise.all(writes);
    }
    await Promise.all(writes);
    if (random.chance(0.5)) await running.compactor.compact();
    const { store } = running;
    running = await start(logger, 20_000);
    expect(running.store.revision).toBe(store.revision);
    expect(contents(running.store)).toEqual(contents(store));
    for (const key of Object.keys(contents(store))) expect(running.store.get(key)).toEqual(store.get(key));
    expect([running.store.size, running.store.bytes]).toEqual([store.size, store.bytes]);
  }
  expect(logger.horizon).toBeGreaterThan(0);
});

test("compacts a log that a start finds to be mostly garbage, and no other", async () => {
  const logger = new CountingLogger();
  const writing = await start(logger, Number.MAX_SAFE_INTEGER);
  for (let written = 0; written < 20; written++)
    await writing.committer.commit(operation([put("a", `${written}`)]));
  const patient = await start(logger, writing.store.bytes * 100);
  patient.compactor.start();
  expect(logger.horizon).toBe(0);
  const { compactor, store, errors } = await start(logger, 1);
  compactor.start();
  await compactor.compact();
  expect(logger.horizon).toBe(20);
  expect(await readAll(logger)).toHaveLength(1);
  expect([store.size, errors]).toEqual([1, []]);
});
