import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { readBatchHeader, readTransactions } from "../../../src/transaction-log/codec/batch.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { LogModel, readAll } from "../log-model.ts";
import { marksOf } from "../replica.ts";
import { openLogger } from "./loggers.ts";
import { RestartingReplica } from "./restarting-replica.ts";

/** What happened in a run, to show that it happened at all. */
export interface Survived {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly fences: number;
  readonly compactions: number;
  readonly restarts: number;
}

/**
 * Replicas write to one log, compact it, stop and start again while the engine fails at random and copies are damaged. Then
 * nothing acknowledged is missing, nothing is there twice, what was refused never appears, and all have applied the same.
 */
export async function surviveFaults(random: Random, seed: number, writes: number): Promise<Survived> {
  const engine = new MemoryLogEngine(seed);
  const replicas = ["one", "two", "three"].map((name) => new RestartingReplica(engine, name, random));
  for (const replica of replicas) await replica.start();
  // A start needs many calls that succeed one after another.
  const chance = () => (random.chance(0.5) ? 0 : random.below(8) / 100);
  Object.assign(engine.faults, {
    lostConfirmation: chance(),
    lostWrite: chance(),
    lateWrite: chance(),
    lateMs: random.below(100),
    wrongRefusal: chance(),
    oldCopy: 6 * chance(),
    lostRead: chance(),
    delayMs: random.below(3),
  });
  try {
    await Promise.all(
      replicas.map(async (replica) => {
        for (let index = 0; index < writes; index++) {
          await replica.step();
          if (random.chance(0.1)) damageBatch(engine, random);
          if (random.chance(0.1)) damagePiece(engine, random);
          if (random.chance(0.1)) damageHead(engine, random);
          if (random.chance(0.3)) await delay(random.below(5));
        }
      }),
    );
    engine.heal();
    // What comes late has had its time.
    await delay(100);
    const truth = engine.history.flatMap((bytes) => readTransactions(bytes, readBatchHeader(bytes)));
    for (const replica of replicas) await replica.expectSame(truth);
    await expectLog(engine, truth);
    expectMarks(replicas, truth);
    const sum = (of: (replica: RestartingReplica) => number) =>
      replicas.reduce((total, replica) => total + of(replica), 0);
    return {
      acknowledged: sum(({ acknowledged }) => acknowledged.length),
      refused: sum(({ refused }) => refused.length),
      unknown: sum(({ unknown }) => unknown.length),
      fences: engine.history.filter((bytes) => readBatchHeader(bytes).count === 0).length,
      compactions: sum(({ compactions }) => compactions),
      restarts: sum(({ restarts }) => restarts),
    };
  } finally {
    engine.heal();
    for (const replica of replicas) await replica.close();
  }
}

/** A new replica reads what the log must hold. */
async function expectLog(engine: MemoryLogEngine, truth: readonly Transaction[]): Promise<void> {
  const model = new LogModel();
  model.transactions.push(...truth);
  const log = await openLogger(engine);
  try {
    await until(async () => (await log.latestSequence()) === truth.length);
    model.expectSame(await readAll(log), log.horizon);
  } finally {
    await log.close();
  }
}

function expectMarks(replicas: readonly RestartingReplica[], truth: readonly Transaction[]): void {
  expect(truth.map(({ sequence }) => sequence)).toEqual(truth.map((_, index) => index + 1));
  const marks = marksOf(truth);
  const present = new Set(marks);
  expect(present.size).toBe(marks.length);
  for (const { acknowledged, refused } of replicas) {
    expect(acknowledged.filter((mark) => !present.has(mark))).toEqual([]);
    expect(refused.filter((mark) => present.has(mark))).toEqual([]);
  }
}

/** Each batch is damaged in one copy. The newest is whole in the leader's, which must know where the log ends. */
function damageBatch(engine: MemoryLogEngine, random: Random): void {
  const { batches } = engine;
  if (batches.length === 0) return;
  const position = random.pick(batches);
  const copy = position % 3;
  if (copy === 0 && position === batches.at(-1)) return;
  engine.damageCopy(copy, position, random.chance(0.5) ? "lost" : "flipped");
}

function damageHead(engine: MemoryLogEngine, random: Random): void {
  const head = engine.messages.find(({ kind }) => kind === "head");
  if (head === undefined) return;
  engine.damageCopy(head.position % 3, head.position, random.chance(0.5) ? "lost" : "flipped");
}

function damagePiece(engine: MemoryLogEngine, random: Random): void {
  const [found] = [...engine.pieces];
  if (found === undefined || found[1].length === 0) return;
  const [snapshot, pieces] = found;
  const { position } = random.pick(pieces);
  engine.damageCopy(position % 3, position, random.chance(0.5) ? "lost" : "flipped", snapshot);
}
