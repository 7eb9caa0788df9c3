import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RestoreLog, restoreSnapshot } from "../../../src/cli/snapshot/restore.ts";
import { verifySnapshot } from "../../../src/cli/snapshot/verify.ts";
import { type Database, openDatabase, prefixRange, type TransactionLogger } from "../../../src/database.ts";
import { defaultLimits } from "../../../src/limits.ts";
import { silentLogger } from "../../../src/logging.ts";
import { MemoryTransactionLogger } from "../../../src/transaction-log/memory/memory-transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** A place for a log, which is empty at first. */
export interface LogPlace {
  readonly restore: RestoreLog;
  open(): Promise<TransactionLogger>;
}

async function open(logger: TransactionLogger): Promise<Database> {
  const database = await openDatabase({ logger, limits: defaultLimits, log: silentLogger });
  onTestFinished(() => database.close());
  return database;
}

const write = (database: Database, key: string, value: string | Uint8Array, ttlMs = 0) =>
  database.commit({ checks: [], mutations: [{ type: "put", key, value, ttlMs }], requestId: undefined });

const contents = (database: Database) => [...database.scan(prefixRange(""), false)];

/** A store with all that entries can be like, and a snapshot of it. */
async function snapshotOfSomeStore(): Promise<{ readonly source: Database; readonly path: string }> {
  const random = createRandom(seed);
  const source = await open(new MemoryTransactionLogger());
  for (let index = 0; index < 1000; index++) {
    const value = random.chance(0.2) ? new Uint8Array(random.below(300)) : "é".repeat(random.below(300));
    await write(source, `key ${random.below(500)}`, value, random.pick([0, 1_000_000]));
  }
  const keys = ["one", "two", "three"];
  const mutations = keys.map((key) => ({ type: "put", key, value: "", ttlMs: 0 }) as const);
  await source.commit({ checks: [], mutations, requestId: undefined });
  await source.commit({
    checks: [],
    mutations: [{ type: "delete", key: "two", expired: false }],
    requestId: undefined,
  });
  const path = join(await temporaryDirectory(), "backup");
  await writeFile(path, source.snapshot(new AbortController().signal));
  return { source, path };
}

/** What restoring promises, for every log. */
export function restoreSuite(name: string, createPlace: () => Promise<LogPlace>): void {
  describe(`a snapshot restored into ${name}`, () => {
    test(`has the same entries and hash, and a history that begins with it (seed ${seed})`, async () => {
      const { source, path } = await snapshotOfSomeStore();
      const place = await createPlace();
      const { stateHash, storeId } = source.status();
      const now = Date.now();
      const restored = await restoreSnapshot(path, place.restore, now);
      expect(restored).toEqual({
        ...(await verifySnapshot(path)),
        hash: stateHash,
        restoredRevision: now * 1000,
      });
      const first = await open(await place.open());
      expect(contents(first)).toEqual(contents(source));
      const { restoredRevision } = restored;
      expect(first.status()).toMatchObject({
        revision: restoredRevision,
        oldestRevision: restoredRevision,
        stateHash,
        entries: restored.entries,
      });
      expect(first.status().storeId).not.toBe(storeId);
      const { revision: next } = await write(first, "new", "");
      expect(next).toBe(restoredRevision + 1);
      const after = contents(first);
      await first.close();
      const second = await open(await place.open());
      expect(contents(second)).toEqual(after);
      expect(second.status()).toMatchObject({ revision: next, oldestRevision: restoredRevision });
    });

    test("is refused, and nothing is written, when its revision would be above 2^53 - 1", async () => {
      const { path } = await snapshotOfSomeStore();
      const { restore } = await createPlace();
      await expect(restoreSnapshot(path, restore, 2 ** 53 / 1000 + 1)).rejects.toThrow(RangeError);
      expect(await restoreSnapshot(path, restore)).toBeDefined();
    });

    test("begins beyond what an earlier restore may have reached, of this snapshot or an older one", async () => {
      const { path } = await snapshotOfSomeStore();
      const now = Date.now();
      const first = await restoreSnapshot(path, (await createPlace()).restore, now);
      // A million writes a second.
      const second = await restoreSnapshot(path, (await createPlace()).restore, now + 60_000);
      expect(second.restoredRevision - first.restoredRevision).toBe(60_000_000);
      // One that was saved later, and restored a moment after the older one.
      const newer = await snapshotOfSomeStore();
      const third = await restoreSnapshot(newer.path, (await createPlace()).restore, now + 61_000);
      expect(third.restoredRevision).toBeGreaterThan(second.restoredRevision);
    });

    test("begins beyond its own revision where the clock is wrong, also when it was restored before", async () => {
      const { path, source } = await snapshotOfSomeStore();
      const place = await createPlace();
      const early = await restoreSnapshot(path, place.restore, 1);
      expect(early.restoredRevision).toBe(source.revision + 1_000_000_000);
      const restored = await open(await place.open());
      await write(restored, "new", "");
      const next = join(await temporaryDirectory(), "backup");
      await writeFile(next, restored.snapshot(new AbortController().signal));
      const again = await restoreSnapshot(next, (await createPlace()).restore, 1);
      expect(again.restoredRevision).toBe(restored.revision + 1_000_000_000);
    });

    test("is refused when the log is not empty", async () => {
      const { path } = await snapshotOfSomeStore();
      const place = await createPlace();
      const database = await open(await place.open());
      await write(database, "mine", "1");
      const before = contents(database);
      await database.close();
      await expect(restoreSnapshot(path, place.restore)).rejects.toMatchObject({ reason: "LOG_NOT_EMPTY" });
      expect(contents(await open(await place.open()))).toEqual(before);
    });

    test("is refused when it was restored there already", async () => {
      const { path } = await snapshotOfSomeStore();
      const place = await createPlace();
      await restoreSnapshot(path, place.restore);
      await expect(restoreSnapshot(path, place.restore)).rejects.toMatchObject({ reason: "LOG_NOT_EMPTY" });
    });

    test("leaves the log empty wherever it is cut", { timeout: 120_000 }, async () => {
      const { path, source } = await snapshotOfSomeStore();
      const { bytes } = await verifySnapshot(path);
      const place = await createPlace();
      const empty = await open(await place.open());
      await empty.close();
      const whole = join(await temporaryDirectory(), "whole");
      await writeFile(whole, source.snapshot(new AbortController().signal));
      const percents = Array.from({ length: 100 }, (_, index) => Math.floor((bytes * (99 - index)) / 100));
      for (const cut of [bytes - 1, ...percents, 40, 39].toSorted((a, b) => b - a)) {
        await truncate(path, cut);
        await expect(restoreSnapshot(path, place.restore), `${cut} bytes`).rejects.toMatchObject({
          reason: "LOG_CORRUPT",
        });
      }
      const stillEmpty = await open(await place.open());
      expect(stillEmpty.status()).toMatchObject({ revision: 0, entries: 0 });
      await stillEmpty.close();
      await restoreSnapshot(whole, place.restore);
      const restored = await open(await place.open());
      expect(contents(restored)).toEqual(contents(source));
      expect(restored.status().stateHash).toBe(source.status().stateHash);
    });
  });
}
