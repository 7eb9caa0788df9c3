import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { encodeBatch } from "../codec/batch.ts";
import { silentSink } from "../log-sink.ts";
import { backoffMs } from "../shared/backoff.ts";
import type { Transaction } from "../transaction-logger.ts";
import { readNewest } from "./appender.ts";
import type { Cursor } from "./chain.ts";
import { changeHead, dropUnused } from "./compaction.ts";
import type { RemoteLogDriver } from "./driver.ts";
import { History } from "./history.ts";
import { findOrMakeHead } from "./remote-transaction-logger.ts";
import { SnapshotWriter } from "./snapshot.ts";

const outcomeMs = 20_000;

/**
 * Makes a log that begins at `horizon` with what `transactions` hold, in order of sequence, as if a compaction had left it.
 * Rejects with LOG_NOT_EMPTY when the log has ever been written to, with what `transactions` throw, and with the driver's
 * error: then the log is empty as before, or, after OUTCOME_UNKNOWN, its streams must be deleted.
 */
export async function restoreRemoteLog(
  driver: RemoteLogDriver,
  horizon: number,
  transactions: AsyncIterable<Transaction>,
): Promise<void> {
  const history = new History(driver, await findOrMakeHead(driver), silentSink);
  const { position, head } = await history.readHead(await history.barrier());
  if (head.horizon > 0 || (await readNewest(history, head.cursor)) !== undefined) throw notEmpty();
  const writer = new SnapshotWriter(driver);
  let pieces: number;
  try {
    for await (const transaction of transactions) await writer.add(transaction);
    pieces = await writer.end(horizon);
  } catch (error) {
    await dropUnused(history, writer.id);
    throw error;
  }
  // The first batch decides between this restore and a replica that appends.
  const cursor = await appendFirst(history, head.cursor, horizon);
  if (cursor === undefined) {
    await dropUnused(history, writer.id);
    throw notEmpty();
  }
  const restored = { ...head, horizon, snapshot: { id: writer.id, pieces }, cursor };
  await changeHead(
    { history, outcomeMs, signal: new AbortController().signal },
    position,
    restored,
    writer.id,
  );
}

/** Appends an empty batch that ends at `horizon`. Resolves with its end, or undefined when the log is not empty. */
async function appendFirst(history: History, from: Cursor, horizon: number): Promise<Cursor | undefined> {
  const id = randomUUID();
  const bytes = encodeBatch({ basis: 0, last: horizon, id, previous: undefined, transactions: [] });
  for (let failures = 0, until = performance.now() + outcomeMs; ; failures++) {
    const position = await history.driver.tryAppend(from.position, bytes).catch((error: unknown) => {
      throw outcomeUnknown(error);
    });
    if (position !== undefined) return { position, sequence: horizon, batch: id };
    // A refusal is the opinion of one server.
    if ((await readNewest(history, from)) !== undefined) return undefined;
    if (performance.now() > until) throw outcomeUnknown(new Error("the log refuses the first batch"));
    await delay(backoffMs(failures));
  }
}

function outcomeUnknown(cause: unknown): DuetError {
  const message = "the log did not confirm the restore; delete its streams and restore again";
  return new DuetError("OUTCOME_UNKNOWN", message, { cause });
}

function notEmpty(): DuetError {
  return new DuetError("LOG_NOT_EMPTY", "the log is not empty; restore into a new one, with another name");
}
