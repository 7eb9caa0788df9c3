import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { DuetError } from "../../../src/errors.ts";
import type { FileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { expectSame } from "../../support/same.ts";
import { LogModel, readAll, retaining, simple, simples } from "../log-model.ts";
import { openIn, pathOf } from "./damaged-log.ts";
import { type Failure, MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

/** Waits, however long it takes, until the log takes writes again. */
async function healed(log: FileTransactionLogger): Promise<void> {
  while (log.fault) await pause(1);
}

function reasonOf(error: unknown): string {
  return (error as DuetError).reason;
}

/** Tries again once: just one call fails. */
async function twice<T>(work: () => Promise<T>): Promise<T> {
  return work().catch(work);
}

/** Opens, appends with rotations, compacts beside appends, reads and closes; every append is tried until it succeeds. */
async function live(fileSystem: MemoryFileSystem): Promise<LogModel> {
  const random = createRandom(1);
  const model = new LogModel();
  const log = await twice(() => openIn(fileSystem, { watchDelayMs: 1 }));
  const append = async () => {
    for (;;) {
      const batch = model.nextBatch(random);
      try {
        await log.append(model.lastSequence, batch);
        model.transactions.push(...batch);
        return;
      } catch (error) {
        expect(["OUTCOME_UNKNOWN", "LOG_UNAVAILABLE"]).toContain(reasonOf(error));
        expect(log.fault).toBeDefined();
        await expect(log.append(model.lastSequence, batch)).rejects.toMatchObject({
          reason: "LOG_UNAVAILABLE",
        });
        expect(await log.latestSequence()).toBe(model.lastSequence);
        await healed(log);
      }
    }
  };
  for (let index = 0; index < 9; index++) await append();
  const horizon = model.lastSequence;
  const compacting = log.compact(model.retentionAt(horizon)).catch(() => {});
  for (let index = 0; index < 4; index++) await append();
  await compacting;
  await twice(() => model.expectIn(log));
  await log.close();
  return model;
}

const failures: readonly (Failure | "short")[] = [
  "short",
  { code: "EIO", after: "nothing" },
  { code: "EIO", after: "half" },
  { code: "EIO", after: "all" },
  { code: "ENOSPC", after: "half" },
];

describe("a file system call that fails once", { timeout }, () => {
  for (const durableWrites of [true, false]) {
    const mode = durableWrites ? "durable writes" : "writes and syncs";
    for (const failure of failures) {
      const name = failure === "short" ? "writes less" : `${failure.code} after doing ${failure.after}`;
      it(`loses nothing, at whichever call: ${name}, ${mode}`, async () => {
        let number = 0;
        for (let failed = true; failed; ) {
          number++;
          failed = false;
          const fileSystem = new MemoryFileSystem({ durableWrites });
          fileSystem.intercept = (call) => {
            if (call.number !== number) return undefined;
            failed = true;
            // Only writes can be short.
            return failure !== "short" || call.operation === "write" ? failure : undefined;
          };
          const model = await live(fileSystem);
          fileSystem.intercept = () => undefined;
          expect(fileSystem.openFiles).toBe(0);
          // Also what was synced must be enough.
          for (const image of [fileSystem, fileSystem.afterPowerCut()]) {
            const log = await openIn(image);
            await model.expectIn(log);
            await log.append(model.lastSequence, [simple(model.lastSequence + 1)]);
            await log.close();
            expectSame(
              image.names().filter((file) => file.endsWith(".tmp")),
              [],
            );
          }
        }
        expect(number).toBeGreaterThan(50);
      });
    }
  }
});

describe("a file system call that fails", { timeout }, () => {
  it("leaves a refused append whole or absent when the power goes before it has healed", async () => {
    for (const durableWrites of [true, false]) {
      for (const after of ["nothing", "half", "all"] as const) {
        const random = createRandom(seed);
        const fileSystem = new MemoryFileSystem({ durableWrites });
        const log = await openIn(fileSystem);
        await log.append(0, simples(1, 3));
        fileSystem.intercept = ({ operation }) =>
          operation === "write" || operation === "sync" ? { code: "EIO", after } : undefined;
        await expect(log.append(3, simples(4, 2))).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
        for (const keep of [() => true, () => false, () => random.chance(0.5)]) {
          const image = fileSystem.afterPowerCut(keep);
          const reopened = await openIn(image);
          const read = await readAll(reopened);
          expect([3, 5]).toContain(read.length);
          expect(read).toEqual(simples(1, read.length));
          await reopened.close();
        }
        await log.close();
      }
    }
  });

  it("acknowledges nothing of a failed sync when a later one succeeds", async () => {
    const fileSystem = new MemoryFileSystem({ durableWrites: false });
    const log = await openIn(fileSystem);
    await log.append(0, [simple(1)]);
    let failed = false;
    fileSystem.intercept = ({ operation }) => {
      if (operation !== "sync" || failed) return undefined;
      failed = true;
      return { code: "EIO", after: "nothing" };
    };
    const lost = { ...simple(2), time: 99 };
    await expect(log.append(1, [lost])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    await healed(log);
    expect(await log.latestSequence()).toBe(1);
    await log.append(1, [simple(2)]);
    expect(await readAll(log)).toEqual(simples(1, 2));
    await log.close();
    const reopened = await openIn(fileSystem.afterPowerCut());
    expect(await readAll(reopened)).toEqual(simples(1, 2));
    await reopened.close();
  });

  it("heals by itself when a full disk has room again, and reads meanwhile", async () => {
    const fileSystem = new MemoryFileSystem({ durableWrites: true });
    const log = await openIn(fileSystem);
    await log.append(0, simples(1, 5));
    let full = true;
    fileSystem.intercept = ({ operation }) => {
      return full && operation === "write" ? { code: "ENOSPC", after: "half" } : undefined;
    };
    await expect(log.append(5, [simple(6)])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    const { calls } = fileSystem;
    while (fileSystem.calls < calls + 30) await pause(1);
    expect(log.fault).toMatchObject({ reason: "LOG_UNAVAILABLE" });
    expect(await readAll(log)).toEqual(simples(1, 5));
    await expect(log.compact(retaining(5, simples(1, 5)))).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
    });
    full = false;
    await healed(log);
    await log.append(5, [simple(6)]);
    expect(await readAll(log)).toEqual(simples(1, 6));
    await log.close();
    expect(fileSystem.openFiles).toBe(0);
  });

  it("stays at fault and reports it when acknowledged frames cannot be read back", async () => {
    const fileSystem = new MemoryFileSystem({ durableWrites: true });
    const log = await openIn(fileSystem);
    await log.append(0, simples(1, 5));
    const name = `${"1".padStart(20, "0")}.log`;
    const good = Buffer.from(fileSystem.content(pathOf(name)));
    fileSystem.intercept = ({ operation }) =>
      operation === "write" ? { code: "EIO", after: "nothing" } : undefined;
    await expect(log.append(5, [simple(6)])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    fileSystem.intercept = () => undefined;
    const bad = Buffer.from(good);
    bad[60] = (bad[60] as number) ^ 1;
    fileSystem.replace(pathOf(name), bad);
    while (reasonOf(log.fault?.cause) !== "LOG_CORRUPT") await pause(1);
    await expect(log.append(5, [simple(6)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    fileSystem.replace(pathOf(name), good);
    await healed(log);
    await log.append(5, [simple(6)]);
    await log.close();
  });

  it.each(["write", "syncDirectory"])(
    "keeps a second process out while each %s fails, also when the lock file was removed",
    async (failing) => {
      const fileSystem = new MemoryFileSystem({ durableWrites: true });
      const log = await openIn(fileSystem);
      await log.append(0, simples(1, 2));
      let appending = true;
      fileSystem.intercept = ({ operation, path }) => {
        const fails = appending ? operation === "write" && path.includes(".log") : operation === failing;
        return fails ? { code: "EIO", after: "nothing" } : undefined;
      };
      await expect(log.append(2, [simple(3)])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
      appending = false;
      while (!log.fault?.message.startsWith("recovery of the log failed")) await pause(1);
      fileSystem.delete(pathOf("lock"));
      fileSystem.intercept = () => undefined;
      // In memory, opening takes one turn of the event loop: no attempt to heal comes in between.
      await expect(openIn(fileSystem)).rejects.toMatchObject({ reason: "LOG_LOCKED" });
      await log.close();
      expect(fileSystem.openFiles).toBe(0);
      const reopened = await openIn(fileSystem);
      expect(await readAll(reopened)).toEqual(simples(1, 2));
      await reopened.close();
    },
  );

  it("stops to heal when the log is closed", async () => {
    const fileSystem = new MemoryFileSystem({ durableWrites: true });
    const log = await openIn(fileSystem);
    fileSystem.intercept = () => ({ code: "EIO", after: "nothing" });
    await expect(log.append(0, [simple(1)])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    await log.close();
    const { calls } = fileSystem;
    await pause(5);
    expect(fileSystem.calls).toBe(calls);
    expect(fileSystem.openFiles).toBe(0);
  });
});
