import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { DuetError } from "../../../src/errors.ts";
import type { FileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { expectSame } from "../../support/same.ts";
import { LogModel, simple } from "../log-model.ts";
import { openIn } from "./damaged-log.ts";
import { type Failure, MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

/** Waits, however long it takes, until the log takes writes again. */
export async function healed(log: FileTransactionLogger): Promise<void> {
  while (log.fault) await pause(1);
}

export function reasonOf(error: unknown): string {
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

/** Tests of a failure of each call of the file system in turn; with a stride of 3 of each third one. */
export function faultSuite(stride: number): void {
  describe("a file system call that fails once", { timeout }, () => {
    for (const durableWrites of [true, false]) {
      const mode = durableWrites ? "durable writes" : "writes and syncs";
      for (const failure of failures) {
        const name = failure === "short" ? "writes less" : `${failure.code} after doing ${failure.after}`;
        it(`loses nothing, at whichever call: ${name}, ${mode} (SEED=${seed})`, async () => {
          let number = 1 + (seed % stride);
          for (let failed = true; failed; number += stride) {
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
}
