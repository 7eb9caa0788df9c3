import { expect } from "vitest";
import type {
  PutEvent,
  Transaction,
  TransactionEvent,
  TransactionLogger,
  Value,
} from "../../src/transaction-log/transaction-logger.ts";
import type { Random } from "../support/random.ts";

export function put(key: string, value: Value, more: Partial<PutEvent> = {}): PutEvent {
  return { type: "put", key, value, createRevision: 1, version: 1, expireTime: 0, ...more };
}

export function transaction(sequence: number, ...events: TransactionEvent[]): Transaction {
  return { sequence, time: 1_700_000_000_000 + sequence, events };
}

/** One put of a short value, different for each sequence. */
export function simple(sequence: number): Transaction {
  return transaction(sequence, put(`key ${sequence % 7}`, `value ${sequence}`));
}

export function simples(first: number, count: number): Transaction[] {
  return Array.from({ length: count }, (_, index) => simple(first + index));
}

export async function readAll(log: TransactionLogger, after = 0): Promise<Transaction[]> {
  const all: Transaction[] = [];
  for await (const batch of log.readTransactions(after)) all.push(...batch);
  return all;
}

/** What a log must hold: all that was acknowledged, kept in the plainest way. */
export class LogModel {
  readonly transactions: Transaction[] = [];

  get lastSequence(): number {
    return this.transactions.length;
  }

  /** For `compact`. */
  isLiveAt(horizon: number): (key: string, sequence: number) => boolean {
    const live = this.liveAt(horizon);
    return (key, sequence) => live.get(key) === sequence;
  }

  /** Key to the sequence of the put that is its state. */
  liveAt(sequence: number): Map<string, number> {
    return replay(this.transactions.slice(0, sequence));
  }

  /** A random batch that follows, not yet part of the model. */
  nextBatch(random: Random, transactionsMax = 4): Transaction[] {
    const count = 1 + random.below(transactionsMax);
    return Array.from({ length: count }, (_, index) => {
      const sequence = this.lastSequence + 1 + index;
      const keys = new Set(Array.from({ length: 1 + random.below(3) }, () => `key ${random.below(12)}`));
      return transaction(sequence, ...[...keys].map((key) => randomEvent(random, key, sequence)));
    });
  }

  /** Asserts that replaying the log gives the same state at every sequence from the horizon on. */
  expectSame(read: readonly Transaction[], horizon: number): void {
    const live = this.isLiveAt(horizon);
    const expected = this.transactions.flatMap((original) => {
      if (original.sequence > horizon) return [original];
      const events = original.events.filter(
        (event) => event.type === "put" && live(event.key, original.sequence),
      );
      return events.length === 0 ? [] : [{ ...original, events }];
    });
    expect(read).toEqual(expected);
    const replayed = replay(read.filter(({ sequence }) => sequence <= horizon));
    const own = this.liveAt(horizon);
    for (let sequence = horizon; ; sequence++) {
      // A comparison by `expect` takes long, and this one is made very often.
      if (!isSame(replayed, own)) expect(replayed).toEqual(own);
      if (sequence === this.lastSequence) break;
      const next = (one: Transaction) => one.sequence === sequence + 1;
      replay(read.filter(next), replayed);
      replay(this.transactions.filter(next), own);
    }
  }

  async expectIn(log: TransactionLogger): Promise<void> {
    expect(await log.latestSequence()).toBe(this.lastSequence);
    this.expectSame(await readAll(log), log.horizon);
  }
}

function isSame(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, sequence]) => other.get(key) === sequence);
}

function replay(transactions: readonly Transaction[], live = new Map<string, number>()): Map<string, number> {
  for (const { sequence, events } of transactions) {
    for (const event of events) {
      if (event.type === "put") live.set(event.key, sequence);
      else live.delete(event.key);
    }
  }
  return live;
}

function randomEvent(random: Random, key: string, sequence: number): TransactionEvent {
  if (random.chance(0.25)) return { type: "delete", key, expired: random.chance(0.5) };
  const length = random.below(60);
  return put(key, random.chance(0.5) ? "é".repeat(length) : new Uint8Array(length).fill(sequence), {
    createRevision: 1 + random.below(sequence),
    version: 1 + random.below(5),
    expireTime: random.chance(0.5) ? 0 : 2 ** 41 + random.below(1000),
  });
}
