/**
 * A writer on a log that it shares with others, and keeps nothing but count: log-writer.ts LOG BATCH MILLISECONDS, with a
 * `SharedLog` in JSON. Says "ready", waits for a message, and says how many events a second it appended.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Transaction } from "../../src/transaction-log/transaction-logger.ts";
import { openSharedLog } from "./shared-log.ts";

const [shared = "", batchText, durationText] = process.argv.slice(2);
const [batchLength, durationMs] = [Number(batchText), Number(durationText)];
const value = "x".repeat(64);
const log = await openSharedLog(JSON.parse(shared));
/** Followed transactions may come before own ones that are durable, and not answered yet. */
const early = new Set<number>();
let revision = 0;
let progress = Promise.withResolvers<void>();

function apply(transactions: readonly Transaction[]): void {
  for (const { sequence } of transactions) if (sequence > revision) early.add(sequence);
  while (early.delete(revision + 1)) revision++;
  log.applied(revision);
  progress.resolve();
  progress = Promise.withResolvers<void>();
}

async function reached(sequence: number): Promise<void> {
  for (;;) {
    if (revision >= sequence) return;
    await progress.promise;
  }
}

function nextBatch(): Transaction[] {
  const time = Date.now();
  return Array.from({ length: batchLength }, (_, index) => {
    const sequence = revision + 1 + index;
    const key = `key ${sequence % 50_000}`;
    return {
      sequence,
      time,
      events: [{ type: "put", key, value, createRevision: sequence, version: 1, expireTime: 0 }],
      request: undefined,
    };
  });
}

/** Appends a batch, or learns what came first. Resolves with the number of events that were appended. */
async function append(): Promise<number> {
  const batch = nextBatch();
  const outcome = await log.append(revision, batch);
  if (outcome.appended) {
    apply(batch);
    return batch.length;
  }
  await reached(outcome.latest ?? revision + 1);
  return 0;
}

for await (const transactions of log.readTransactions(0)) apply(transactions);
const abort = new AbortController();
const following = (async () => {
  for await (const transactions of log.follow(revision, abort.signal)) apply(transactions);
})();
process.send?.("ready");
await new Promise((resolve) => process.once("message", resolve));
const start = performance.now();
let events = 0;
while (performance.now() - start < durationMs) events += await append();
process.send?.((events * 1000) / (performance.now() - start));
// The others may still need it.
await delay(100);
abort.abort();
await following;
await log.close();
process.disconnect();
