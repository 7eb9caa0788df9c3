import { idBytesOf, toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import { encodeRequestRecord } from "../../src/transaction-log/codec/request-record.ts";
import { retain } from "../../src/transaction-log/retain.ts";
import type {
  LiveEntry,
  PutEvent,
  RequestRecord,
  RequestResult,
  Retention,
  Transaction,
  TransactionEvent,
  TransactionLogger,
  Value,
} from "../../src/transaction-log/transaction-logger.ts";
import type { Random } from "../support/random.ts";
import { expectSame } from "../support/same.ts";

export function put(key: string, value: Value, more: Partial<PutEvent> = {}): PutEvent {
  return { type: "put", key, value, createRevision: 1, version: 1, expireTime: 0, ...more };
}

export function transaction(sequence: number, ...events: TransactionEvent[]): Transaction {
  return { sequence, time: 1_700_000_000_000 + sequence, events, request: undefined };
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

  /** For `compact`; keeps all request records that are not older than `requestsSince`. */
  retentionAt(horizon: number, requestsSince = 0): Retention {
    return retaining(horizon, this.transactions, requestsSince);
  }

  /** The entries at `sequence`. */
  liveAt(sequence: number): LiveEntries {
    return replay(this.transactions.slice(0, sequence));
  }

  /** A random batch that follows, not yet part of the model. */
  nextBatch(random: Random, transactionsMax = 4): Transaction[] {
    const count = 1 + random.below(transactionsMax);
    return Array.from({ length: count }, (_, index) => {
      const sequence = this.lastSequence + 1 + index;
      const keys = new Set(Array.from({ length: 1 + random.below(3) }, () => `key ${random.below(12)}`));
      const events = [...keys].map((key) => randomEvent(random, key, sequence));
      if (random.chance(0.6)) return transaction(sequence, ...events);
      if (random.chance(0.3)) {
        const plain = put(random.pick([...keys]), "v", { version: 1 + random.below(5) });
        return { ...transaction(sequence, plain), request: toRequestId(requestId(2 ** 40 + sequence)) };
      }
      const request = randomRequest(random, sequence);
      return { ...transaction(sequence, ...(random.chance(0.1) ? [] : events)), request };
    });
  }

  /**
   * Asserts that the log holds all that it must, and that replaying it gives the same state at every sequence from the
   * horizon on.
   */
  expectSame(read: readonly Transaction[], horizon: number): void {
    const retention = this.retentionAt(horizon);
    const needed = (one: Transaction) => (one.sequence > horizon ? one : (retain(one, retention) ?? []));
    expectSame(read.flatMap(needed), this.transactions.flatMap(needed));
    const replayed = replay(read.filter(({ sequence }) => sequence <= horizon));
    const own = this.liveAt(horizon);
    for (let sequence = horizon; ; sequence++) {
      expectSame(replayed, own);
      if (sequence === this.lastSequence) break;
      const next = (one: Transaction) => one.sequence === sequence + 1;
      replay(read.filter(next), replayed);
      replay(this.transactions.filter(next), own);
    }
  }

  async expectIn(log: TransactionLogger): Promise<void> {
    expectSame(await log.latestSequence(), this.lastSequence);
    this.expectSame(await readAll(log), log.horizon);
  }
}

type LiveEntries = Map<string, LiveEntry>;

/** The entries after `transactions`, which are applied to `live`. */
export function replay(transactions: readonly Transaction[], live: LiveEntries = new Map()): LiveEntries {
  for (const { sequence, events } of transactions) {
    for (const event of events) {
      const before = live.get(event.key);
      if (event.type === "put") live.set(event.key, { revision: sequence, expireTime: event.expireTime });
      else if (event.type === "delete") live.delete(event.key);
      else if (before) live.set(event.key, { ...before, expireTime: event.expireTime });
    }
  }
  return live;
}

/** Keeps what of `transactions`, the whole log, is live at `horizon`; without them nothing. */
export function retaining(
  horizon: number,
  transactions: readonly Transaction[] = [],
  requestsSince = 0,
): Retention {
  const live = replay(transactions.filter(({ sequence }) => sequence <= horizon));
  return { horizon, live: (key) => live.get(key), requestsSince, recordOf };
}

/** A record that depends on all that it is given. */
const recordOf: Retention["recordOf"] = (id, { createRevision, version, expireTime }, { sequence, time }) => {
  const entry = { revision: sequence, createRevision, version, updateTime: time, expireTime };
  return encodeRequestRecord({
    id: idBytesOf(id),
    digest: new Uint8Array(16),
    results: [{ entry, deleted: false }],
  });
};

function randomEvent(random: Random, key: string, sequence: number): TransactionEvent {
  if (random.chance(0.2))
    return { type: "touch", key, expireTime: random.chance(0.3) ? 0 : random.below(2 ** 41) };
  if (random.chance(0.25)) return { type: "delete", key, expired: random.chance(0.5) };
  const length = random.below(60);
  return put(key, random.chance(0.5) ? "é".repeat(length) : new Uint8Array(length).fill(sequence), {
    createRevision: 1 + random.below(sequence),
    version: 1 + random.below(5),
    expireTime: random.chance(0.5) ? 0 : 2 ** 41 + random.below(1000),
  });
}

function randomRequest(random: Random, sequence: number): RequestRecord {
  const results = Array.from({ length: random.below(4) }, (): RequestResult => {
    if (random.chance(0.3)) return { entry: undefined, deleted: random.chance(0.5) };
    const entry = {
      revision: sequence,
      createRevision: 1 + random.below(sequence),
      version: 1 + random.below(5),
      updateTime: 2 ** 40 + random.below(1000),
      expireTime: random.chance(0.5) ? 0 : 2 ** 41 + random.below(1000),
    };
    return { entry, deleted: false };
  });
  const digest = Uint8Array.from({ length: random.chance(0.1) ? 0 : 16 }, () => random.below(256));
  return encodeRequestRecord({ id: requestId(2 ** 40 + sequence), digest, results });
}

/** An id with the time `time`, in milliseconds since 1970. */
export function requestId(time: number): Uint8Array {
  const id = Buffer.alloc(16, 0x7f);
  id.writeUIntBE(time, 0, 6);
  return new Uint8Array(id);
}
