import { DuetError } from "../../errors.ts";
import type { Transaction } from "../transaction-logger.ts";
import { asCorrupt, type Cursor, transactionsOf } from "./chain.ts";
import type { History } from "./history.ts";
import type { LogHead } from "./log-head.ts";
import { LogReader } from "./log-reader.ts";
import { readSnapshot } from "./snapshot-reader.ts";

/**
 * Yields every durable transaction after `after`, which is 0 or at least the horizon. Rejects with LOG_CORRUPT rather than
 * skip a transaction, also when the log is compacted meanwhile.
 */
export async function* replay(history: History, after: number): AsyncGenerator<readonly Transaction[]> {
  const end = await history.barrier();
  const { head } = await history.readHead(end);
  const { horizon } = head;
  if (after > 0 && after < horizon) {
    throw new DuetError("LOG_CORRUPT", `the log was compacted up to ${horizon}, beyond sequence ${after}`);
  }
  if (after < horizon) yield* snapshotOf(history, head);
  const known = history.before(Math.max(after, horizon));
  const start = after < horizon || known.position < head.cursor.position ? head.cursor : known;
  yield* batchesAfter(history, start, end, Math.max(after, horizon));
}

/** Yields the transactions at or before the horizon that a compaction has kept. */
export async function* snapshotOf(
  history: History,
  { snapshot, horizon }: LogHead,
): AsyncGenerator<readonly Transaction[]> {
  if (snapshot === undefined) return;
  try {
    yield* readSnapshot(history, snapshot, horizon);
  } catch (error) {
    // A later compaction drops the snapshot.
    const { head } = await history.readHead(await history.barrier());
    if (head.snapshot?.id !== snapshot.id) {
      throw new DuetError("LOG_CORRUPT", `the log was compacted up to ${head.horizon} while it was read`);
    }
    throw asCorrupt(error, await history.driver.describeCopies());
  }
}

async function* batchesAfter(
  history: History,
  start: Cursor,
  end: number,
  after: number,
): AsyncGenerator<readonly Transaction[]> {
  const reader = new LogReader(history, start);
  for await (const batches of reader.readTo(end)) {
    const transactions = batches.flatMap((batch) =>
      batch.header.last <= after ? [] : transactionsOf(batch).filter(({ sequence }) => sequence > after),
    );
    if (transactions.length > 0) yield transactions;
  }
  history.replayed(reader.cursor);
}
