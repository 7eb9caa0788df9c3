import { expect, it } from "vitest";
import { restoreFileLog } from "../../../src/transaction-log/file/restore.ts";
import { readAll, simples } from "../log-model.ts";
import { logFiles, openIn } from "./damaged-log.ts";
import { type Failure, MemoryFileSystem } from "./memory-file-system.ts";

const horizon = 1_000;

async function* backup() {
  yield* simples(1, 20);
}

const restore = (fileSystem: MemoryFileSystem) =>
  restoreFileLog({ directory: "/data", fileSystem }, horizon, backup());

async function expectRestored(fileSystem: MemoryFileSystem): Promise<void> {
  const log = await openIn(fileSystem);
  expect(log.horizon).toBe(horizon);
  expect(await log.latestSequence()).toBe(horizon);
  expect(await readAll(log)).toEqual(simples(1, 20));
  await log.close();
}

const kinds: readonly Failure[] = [
  { code: "EIO", after: "nothing" },
  { code: "EIO", after: "all" },
  { code: "ENOSPC", after: "half" },
];

it.each(kinds)(
  "a restore can be repeated after any call failed: $code after doing $after",
  async (failure) => {
    let failures = 0;
    for (let number = 1, failed = true; failed; number++) {
      failed = false;
      const fileSystem = new MemoryFileSystem({ durableWrites: true });
      fileSystem.capacity = 8 * 1024 * 1024;
      fileSystem.intercept = (call) => {
        if (call.number !== number) return undefined;
        failed = true;
        return failure;
      };
      const outcome = await restore(fileSystem).then(
        () => "restored",
        () => "failed",
      );
      fileSystem.intercept = () => undefined;
      expect(fileSystem.openFiles, `call ${number}`).toBe(0);
      if (outcome === "failed") {
        failures++;
        await restore(fileSystem);
      }
      expect(logFiles(fileSystem).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      await expectRestored(fileSystem.afterPowerCut());
    }
    expect(failures).toBeGreaterThan(20);
  },
);
