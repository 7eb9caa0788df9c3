import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { DuetError } from "../../../src/errors.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import type { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { retaining } from "../log-model.ts";
import { Replica } from "../replica.ts";
import { openLogger } from "./loggers.ts";

/** A replica that writes, compacts the log, and stops and starts again, at random. */
export class RestartingReplica {
  readonly acknowledged: string[] = [];
  /** Marks of writes that were refused, and of those with an unknown outcome. */
  readonly refused: string[] = [];
  readonly unknown: string[] = [];
  compactions = 0;
  restarts = 0;
  readonly #engine: MemoryLogEngine;
  readonly #name: string;
  readonly #random: Random;
  #replica!: Replica;
  #stop!: AbortController;
  /** What it has replayed of earlier transactions was compacted. */
  #horizon = 0;
  #compacting: Promise<void> = Promise.resolve();

  constructor(engine: MemoryLogEngine, name: string, random: Random) {
    this.#engine = engine;
    this.#name = name;
    this.#random = random;
  }

  /** Starts it, again while the log cannot be read. */
  async start(): Promise<void> {
    for (;;) {
      try {
        await this.#tryStart();
        return;
      } catch (error) {
        expectTransient(error);
        await delay(5);
      }
    }
  }

  /** One write, or something else. */
  async step(): Promise<void> {
    const random = this.#random;
    // A compaction does not wait for a replica that could not write its heartbeat.
    if (isOutrun(this.#replica.failure)) await this.#restart();
    if (random.chance(0.1)) this.#compact();
    if (random.chance(0.05)) this.#stop.abort();
    await this.#write();
    if (this.#stop.signal.aborted || random.chance(0.05)) await this.#restart();
  }

  /** Asserts that it applies exactly these transactions. */
  async expectSame(truth: readonly Transaction[]): Promise<void> {
    await this.#compacting;
    if (isOutrun(this.#replica.failure)) await this.#restart();
    await until(() => this.#replica.revision === truth.length || this.#replica.failure !== undefined);
    expect(this.#replica.failure).toBeUndefined();
    const isAfter = ({ sequence }: Transaction) => sequence > this.#horizon;
    expect(this.#replica.applied.filter(isAfter)).toEqual(truth.filter(isAfter));
  }

  async close(): Promise<void> {
    await this.#compacting;
    await this.#replica.close();
  }

  async #tryStart(): Promise<void> {
    const stop = new AbortController();
    const log = await openLogger(this.#engine, {
      outcomeMs: 20 + this.#random.below(180),
      stopping: stop.signal,
      stoppingMs: this.#random.below(20),
      leavingMs: 20,
      replicaTimeoutMs: 300,
      compactionWaitMs: 300,
    });
    try {
      this.#replica = await Replica.start(log, `${this.#name}.${this.restarts}`);
    } catch (error) {
      await log.close();
      throw error;
    }
    this.#stop = stop;
    this.#horizon = log.horizon;
  }

  async #write(): Promise<void> {
    const replica = this.#replica;
    const before = replica.attempted;
    try {
      await replica.write(1 + this.#random.below(4));
      this.acknowledged.push(...replica.marksAfter(before));
    } catch (error) {
      if (isOutrun(error)) return;
      expectTransient(error);
      const outcome = (error as DuetError).reason === "OUTCOME_UNKNOWN" ? this.unknown : this.refused;
      outcome.push(...replica.marksAfter(before));
    }
  }

  /** The rest of the work goes on meanwhile. */
  #compact(): void {
    this.#compacting = this.#tryCompact();
    // Whoever awaits it later sees its error.
    this.#compacting.catch(() => {});
  }

  async #tryCompact(): Promise<void> {
    const { log, applied, revision } = this.#replica;
    const horizon = Math.max(0, revision - this.#random.below(5));
    const before = log.horizon;
    try {
      await log.compact(retaining(horizon, applied));
    } catch (error) {
      expectTransient(error);
    }
    if (log.horizon > before) this.compactions++;
  }

  async #restart(): Promise<void> {
    await this.close();
    this.restarts++;
    await this.start();
  }
}

function isOutrun(error: unknown): boolean {
  return (
    error instanceof DuetError && error.reason === "LOG_CORRUPT" && error.message.includes("was compacted")
  );
}

function expectTransient(error: unknown): void {
  if (isOutrun(error)) return;
  if (!(error instanceof DuetError)) throw error;
  expect(error.reason).toBeOneOf(["LOG_UNAVAILABLE", "OUTCOME_UNKNOWN"]);
}
