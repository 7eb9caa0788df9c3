import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createRandom, seed } from "../../support/random.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { openIn, pathOf } from "./damaged-log.ts";
import { faultSuite, healed, reasonOf } from "./fault-suite.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

faultSuite(10);

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

  it("refuses writes for good when a compaction finds damage, before they are lost with it", async () => {
    const fileSystem = new MemoryFileSystem({ durableWrites: true });
    const errors: string[] = [];
    const ignore = () => {};
    const error = (_fields: object, message: string) => errors.push(message);
    const log = await openIn(fileSystem, { log: { info: ignore, warn: ignore, error } });
    await log.append(0, simples(1, 5));
    const name = pathOf(`${"1".padStart(20, "0")}.log`);
    const bad = Buffer.from(fileSystem.content(name));
    bad[60] = (bad[60] as number) ^ 1;
    fileSystem.replace(name, bad);
    const fault = { reason: "LOG_UNAVAILABLE", message: expect.stringContaining("save a snapshot") };
    await expect(log.compact(retaining(5, simples(1, 5)))).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    expect([log.fault, log.deletesOnly, log.compactionWanted]).toMatchObject([fault, false, false]);
    await expect(log.append(5, [simple(6)])).rejects.toMatchObject(fault);
    await expect(log.compact(retaining(5, simples(1, 5)))).rejects.toMatchObject(fault);
    expect(errors).toEqual([expect.stringContaining("save a snapshot")]);
    await log.close();
    await expect(openIn(fileSystem)).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
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
