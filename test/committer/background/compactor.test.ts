import { expect, onTestFinished, test } from "vitest";
import { Applier } from "../../../src/committer/applier.ts";
import { Compactor } from "../../../src/committer/background/compactor.ts";
import type { LogGarbage } from "../../../src/committer/background/log-garbage.ts";
import { Committer } from "../../../src/committer/committer.ts";
import { openReplayedState } from "../../../src/committer/replayed-state.ts";
import { defaultLimits } from "../../../src/limits.ts";
import { silentLogger } from "../../../src/logging.ts";
import { entryBytes } from "../../../src/store/entry.ts";
import type { History } from "../../../src/store/history.ts";
import type { Store } from "../../../src/store/store.ts";
import { MemoryTransactionLogger } from "../../../src/transaction-log/memory/memory-transaction-logger.ts";
import type { Retention, TransactionLogger } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining } from "../../transaction-log/log-model.ts";
import { contents, operation, put, remove } from "../committing.ts";

interface Compacting {
  readonly store: Store;
  readonly history: History;
  readonly committer: Committer;
  readonly compactor: Compactor;
  readonly garbage: LogGarbage;
  readonly errors: unknown[];
}

/** By default the history keeps nothing. */
async function start(logger: TransactionLogger, bytesMin: number, historyEvents = 0): Promise<Compacting> {
  const errors: unknown[] = [];
  const limits = { ...defaultLimits, watchHistoryEventsMax: historyEvents };
  const state = await openReplayedState({ logger, limits, log: silentLogger });
  const { store, requests, history, garbage, hub, applied } = state;
  onTestFinished(() => hub.close());
  const onError = (error: unknown) => errors.push(error);
  const compactor = new Compactor({ store, requests, history, garbage, logger, bytesMin, onError });
  const committer = new Committer({
    store,
    requests,
    logger,
    limits,
    clock: () => 1,
    applier: new Applier({ store, logger, onApplied: applied, onRun: () => compactor.check() }),
  });
  return { store, history, committer, compactor, garbage, errors };
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

test("compacts when it drops as much as the store holds, and at least the minimum", async () => {
  const logger = new CountingLogger();
  const { committer } = await start(logger, 10 * bytes);
  for (let count = 1; count <= 25; count++) await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([11, 21]);
  // Now the store is larger than the minimum.
  for (let key = 0; key < 40; key++) await committer.commit(operation([put(`${key}ey`, value)]));
  logger.compactions = [];
  const live = 41;
  for (let count = 0; count < 3 * live; count++) await committer.commit(operation([put("key", value)]));
  expect(logger.compactions.length).toBeGreaterThanOrEqual(2);
  expect(logger.compactions.length).toBeLessThanOrEqual(3);
});

test("does not compact transactions that the history needs, and keeps them in a compaction", async () => {
  const logger = new CountingLogger();
  const { committer, history } = await start(logger, 10 * bytes, 20);
  for (let count = 1; count <= 30; count++) await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([]);
  await committer.commit(operation([put("key", value)]));
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([11]);
  const restarted = await start(logger, 10 * bytes, 20);
  expect([history.oldest, restarted.history.oldest]).toEqual([12, 12]);
  expect(restarted.history.at(13)?.changes).toEqual(history.at(13)?.changes);
});

test("stops counting what another owner has compacted", async () => {
  const logger = new CountingLogger();
  const { committer, garbage } = await start(logger, Number.MAX_SAFE_INTEGER);
  for (let count = 1; count <= 10; count++) await committer.commit(operation([put("key", value)]));
  expect(garbage.bytes).toBe(9 * bytes);
  await logger.compact({ ...retaining(10), live: () => ({ revision: 10, expireTime: 0 }) });
  await committer.commit(operation([put("key", value)]));
  expect(garbage.bytes).toBe(0);
  await committer.commit(operation([put("key", value)]));
  await committer.commit(operation([remove("key")]));
  expect(garbage.bytes).toBeGreaterThan(2 * bytes);
});

test("compacts as soon as the log wants it, as far as it can, with and without writes", async () => {
  const logger = new CountingLogger();
  const { committer, compactor } = await start(logger, 1_000_000, 1000);
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([]);
  logger.compactionWanted = true;
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([2]);
  logger.failure = new Error("no");
  await committer.commit(operation([put("key", value)]));
  await until(() => logger.compactions.length > 2);
  compactor.close();
});

test("compacts after a start when the log is mostly garbage, and not otherwise", async () => {
  const logger = new CountingLogger();
  const first = await start(logger, 1_000_000);
  for (let count = 0; count < 30; count++) await first.committer.commit(operation([put("key", value)]));
  const patient = await start(logger, 100 * bytes);
  expect(patient.garbage.bytes).toBe(29 * bytes);
  patient.compactor.check();
  expect(logger.compactions).toEqual([]);
  const second = await start(logger, 10 * bytes);
  second.compactor.check();
  await second.compactor.compact();
  expect([logger.compactions, logger.horizon, second.errors]).toEqual([[30], 30, []]);
  expect(await readAll(logger)).toHaveLength(1);
});

test("reports a failed compaction, and tries again after as much was written", async () => {
  const logger = new CountingLogger();
  const { committer, errors } = await start(logger, 5 * bytes);
  logger.failure = new Error("no");
  for (let count = 0; count < 10; count++) await committer.commit(operation([put("key", value)]));
  expect([logger.compactions, errors]).toEqual([[6], [logger.failure]]);
  logger.failure = undefined;
  await committer.commit(operation([put("key", value)]));
  expect(logger.compactions).toEqual([6, 11]);
  expect(logger.horizon).toBe(11);
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
