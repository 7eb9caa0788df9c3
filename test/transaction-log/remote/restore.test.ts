import { expect, it, onTestFinished } from "vitest";
import type { DamagedRead } from "../../../src/transaction-log/remote/history.ts";
import { inspectRemoteLog } from "../../../src/transaction-log/remote/inspect.ts";
import { restoreRemoteLog } from "../../../src/transaction-log/remote/restore.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

async function* each(transactions: readonly Transaction[]): AsyncGenerator<Transaction> {
  yield* transactions;
}

async function inspect(engine: MemoryLogEngine) {
  const seen: Transaction[] = [];
  const damagedReads: DamagedRead[] = [];
  const report = await inspectRemoteLog(engine.connect(), {
    onTransactions: (transactions) => seen.push(...transactions),
    onDamagedRead: (read) => damagedReads.push(read),
  });
  return { seen, report, damagedReads };
}

it("restores into an empty log, which goes on after the horizon", async () => {
  const engine = new MemoryLogEngine(seed);
  await restoreRemoteLog(engine.connect(), 1_000, each(simples(1, 20)));
  const log = await openLogger(engine);
  onTestFinished(() => log.close());
  expect(log.horizon).toBe(1_000);
  expect(await log.latestSequence()).toBe(1_000);
  expect(await readAll(log)).toEqual(simples(1, 20));
  expect(await log.append(1_000, [simple(1_001)])).toEqual({ appended: true });
  expect(await readAll(log)).toEqual([...simples(1, 20), simple(1_001)]);
  await log.compact(retaining(1_001, [...simples(14, 7), simple(1_001)]));
  expect((await inspect(engine)).report).toMatchObject({ lastSequence: 1_001, damage: undefined });
});

it("restores into no log that was written to, and leaves nothing there", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await openLogger(engine);
  onTestFinished(() => log.close());
  await log.append(0, [simple(1)]);
  const restoring = restoreRemoteLog(engine.connect(), 1_000, each(simples(1, 20)));
  await expect(restoring).rejects.toMatchObject({ reason: "LOG_NOT_EMPTY" });
  expect(engine.pieces.size).toBe(0);
  expect(await readAll(log)).toEqual([simple(1)]);
});

it("leaves an empty log when the backup cannot be read", async () => {
  const engine = new MemoryLogEngine(seed);
  const broken = async function* () {
    yield simple(1);
    throw new Error("the backup is damaged");
  };
  await expect(restoreRemoteLog(engine.connect(), 1_000, broken())).rejects.toThrow("the backup is damaged");
  await restoreRemoteLog(engine.connect(), 1_000, each(simples(1, 2)));
  expect((await inspect(engine)).seen).toEqual(simples(1, 2));
});

it("inspects a log: what it contains, and where it is damaged", async () => {
  const engine = new MemoryLogEngine(seed);
  await expect(inspect(engine)).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
  const log = await openLogger(engine);
  onTestFinished(() => log.close());
  for (let basis = 0; basis < 20; basis += 2) await log.append(basis, simples(basis + 1, 2));
  await log.compact(retaining(10, simples(1, 20)));
  const { report, seen, damagedReads } = await inspect(engine);
  expect(damagedReads).toEqual([]);
  expect(report).toEqual({
    reads: 1,
    batches: 5,
    transactions: 17,
    lastSequence: 20,
    horizon: 10,
    damage: undefined,
  });
  expect(seen).toEqual(simples(4, 17));
  for (const copy of [0, 1, 2]) engine.damageCopy(copy, engine.batches[3] as number, "flipped");
  const damaged = await inspect(engine);
  expect(damaged.report).toMatchObject({ lastSequence: 14, damage: { reason: "LOG_CORRUPT" } });
  expect(damaged.seen).toEqual(simples(4, 11));
});

it("goes on with a restore whose process died after the first batch, and opens nothing until then", async () => {
  const engine = new MemoryLogEngine(seed);
  const died = Promise.withResolvers<void>();
  const dying = engine.connect();
  dying.trySetHead = async (after, bytes) => {
    if (after === 0) return engine.connect().trySetHead(after, bytes);
    died.resolve();
    return new Promise(() => {});
  };
  void restoreRemoteLog(dying, 1_000, each(simples(1, 20)));
  await died.promise;
  expect(engine.batches).toHaveLength(1);
  const unfinished = { reason: "LOG_CORRUPT", message: expect.stringContaining("run it again") };
  const log = await openLogger(engine);
  await expect(readAll(log)).rejects.toMatchObject(unfinished);
  await log.close();
  expect((await inspect(engine)).report.damage).toMatchObject(unfinished);
  await expect(restoreRemoteLog(engine.connect(), 999, each(simples(1, 20)))).rejects.toMatchObject({
    reason: "LOG_NOT_EMPTY",
    message: expect.stringContaining("up to sequence 1000 has not ended"),
  });
  await restoreRemoteLog(engine.connect(), 1_000, each(simples(1, 20)));
  expect(engine.batches).toHaveLength(1);
  const opened = await openLogger(engine);
  onTestFinished(() => opened.close());
  expect(await readAll(opened)).toEqual(simples(1, 20));
  expect(await opened.append(1_000, [simple(1_001)])).toEqual({ appended: true });
});
