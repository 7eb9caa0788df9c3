import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { encodeBatch } from "../codec/batch.ts";
import { silentSink } from "../log-sink.ts";
import { backoffMs } from "../shared/backoff.ts";
import type { Transaction } from "../transaction-logger.ts";
import { readNewest } from "./appender.ts";
import { type Cursor, UnfinishedRestore } from "./chain.ts";
import { changeHead, dropUnused } from "./compaction.ts";
import type { RemoteLogDriver } from "./driver.ts";
import { History } from "./history.ts";
import { findOrMakeHead } from "./remote-transaction-logger.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

const outcomeMs = 20_000;

/**
 * Makes a log that begins at `horizon` with what `transactions` hold, in order of sequence, as if a compaction had left it.
 * The first batch decides between this restore and a replica that appends; until the head names the snapshot, nobody can
 * open the log. A restore that did not end goes on when it is run again with the same backup.
 *
 * Rejects with LOG_NOT_EMPTY when the log was written to, with OUTCOME_UNKNOWN, with what `transactions` throw, and with
 * the driver's error.
 */
export async function restoreRemoteLog(
  driver: RemoteLogDriver,
  horizon: number,
  transactions: AsyncIterable<Transaction>,
): Promise<void> {
  const history = new History(driver, await findOrMakeHead(driver), silentSink);
  const { position, head } = await history.readHead(await history.barrier());
  if (head.horizon > 0) throw notEmpty();
  await findBegun(history, head.cursor, horizon);
  const writer = new SnapshotWriter(driver);
  let pieces: number;
  let cursor: Cursor;
  try {
    for await (const transaction of transactions) await writer.add(transaction);
    pieces = await writer.end(horizon);
    cursor = await begin(history, head.cursor, horizon);
  } catch (error) {
    await dropUnused(history, writer.id);
    throw error;
  }
  const restored = { ...head, horizon, snapshot: { id: writer.id, pieces }, cursor };
  const { signal } = new AbortController();
  try {
    await changeHead({ history, outcomeMs, signal }, position, restored, writer.id);
  } catch (error) {
    throw error instanceof DuetError && error.reason === "OUTCOME_UNKNOWN" ? outcomeUnknown(error) : error;
  }
}

/** Appends an empty batch that ends at `horizon`, unless it is there. Resolves with its end. */
async function begin(history: History, from: Cursor, horizon: number): Promise<Cursor> {
  const id = randomUUID();
  const bytes = encodeBatch({ basis: 0, last: horizon, id, previous: undefined, transactions: [] });
  let cause: unknown = new Error("the log refuses the first batch");
  for (let failures = 0, until = performance.now() + outcomeMs; ; failures++) {
    try {
      const position = await history.driver.tryAppend(from.position, bytes);
      if (position !== undefined) return { position, sequence: horizon, batch: id };
    } catch (error) {
      cause = error;
    }
    // Only what the log has tells what became of it: a refusal is the opinion of one server.
    try {
      const begun = await findBegun(history, from, horizon);
      if (begun !== undefined) return begun;
    } catch (error) {
      if (error instanceof DuetError) throw error;
      cause = error;
    }
    if (performance.now() > until) throw outcomeUnknown(cause);
    await delay(backoffMs(failures));
  }
}

/**
 * Resolves with the end of the batch with which a restore of the same backup begins, or with undefined when the log is
 * empty. Otherwise rejects with LOG_NOT_EMPTY.
 */
async function findBegun(history: History, from: Cursor, horizon: number): Promise<Cursor | undefined> {
  try {
    if ((await readNewest(history, from)) !== undefined) throw notEmpty();
    return undefined;
  } catch (error) {
    if (!(error instanceof UnfinishedRestore)) throw error;
    if (error.end.sequence === horizon) return error.end;
    throw new DuetError("LOG_NOT_EMPTY", error.message);
  }
}

function outcomeUnknown(cause: unknown): DuetError {
  const message =
    "the log did not confirm the restore; run it again with the same backup: LOG_NOT_EMPTY then means that it is complete";
  return new DuetError("OUTCOME_UNKNOWN", message, { cause });
}

function notEmpty(): DuetError {
  return new DuetError("LOG_NOT_EMPTY", "the log is not empty; restore into a new one, with another name");
}
