import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll } from "../log-model.ts";
import { expectOneHistory, marksOf, Replica } from "../replica.ts";
import { openLogger } from "./loggers.ts";

/**
 * Replicas write to one log while the engine fails at random. Then nothing acknowledged is missing, nothing is there twice,
 * what was refused never appears, and all replicas have applied the same.
 */
export async function surviveFaults(random: Random, seed: number, writes: number): Promise<void> {
  const engine = new MemoryLogEngine(seed);
  const replicas = await Promise.all(
    ["one", "two", "three"].map(async (name) => Replica.start(await openLogger(engine), name)),
  );
  const chance = () => (random.chance(0.5) ? 0 : random.below(20) / 100);
  Object.assign(engine.faults, {
    lostConfirmation: chance(),
    lostWrite: chance(),
    lateWrite: chance(),
    wrongRefusal: chance(),
    oldCopy: 3 * chance(),
    lostRead: chance(),
    delayMs: random.below(3),
  });
  const refused: string[] = [];
  try {
    await Promise.all(
      replicas.map(async (replica) => {
        for (let index = 0; index < writes; index++) {
          const before = replica.attempted;
          await replica.write(1 + random.below(4)).catch((error: { reason?: string }) => {
            expect(error.reason).toBeOneOf(["LOG_UNAVAILABLE", "OUTCOME_UNKNOWN"]);
            if (error.reason === "LOG_UNAVAILABLE") refused.push(...replica.marksAfter(before));
          });
          if (random.chance(0.1)) damageCopy(engine, random);
          if (random.chance(0.3)) await delay(random.below(5));
        }
      }),
    );
    engine.heal();
    await until(() => replicas.every(({ log }) => log.fault === undefined));
    const log = await expectOneHistory(replicas);
    const present = new Set(marksOf(log));
    // What comes late has had its time.
    expect(refused.filter((mark) => present.has(mark))).toEqual([]);
    const late = await openLogger(engine);
    expect(await readAll(late)).toEqual(log);
    await late.close();
  } finally {
    for (const replica of replicas) await replica.close();
  }
}

/** The other copies have what it loses. */
function damageCopy(engine: MemoryLogEngine, random: Random): void {
  const { batches } = engine;
  if (batches.length === 0) return;
  engine.damageCopy(1 + random.below(2), random.pick(batches), random.chance(0.5) ? "lost" : "flipped");
}
