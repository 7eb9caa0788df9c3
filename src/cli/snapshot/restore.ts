import { SnapshotReader } from "../../transaction-log/snapshot/snapshot-reader.ts";
import type { Transaction } from "../../transaction-log/transaction-logger.ts";
import { readAll, type SnapshotSummary, SnapshotTally } from "./verify.ts";

/** Clients may have seen this many revisions after that of the snapshot. */
const revisionJumpMin = 1_000_000_000;

/** More than any store makes in a millisecond. */
const revisionsPerMs = 1000;

/** Creates a new log that begins at `horizon` with the transactions. Rejects with LOG_NOT_EMPTY. */
export type RestoreLog = (horizon: number, transactions: AsyncIterable<Transaction>) => Promise<void>;

export interface RestoredSnapshot extends SnapshotSummary {
  /**
   * The first revision of the restored store. Its entries keep their revisions, so its hash is that of the snapshot.
   */
  readonly restoredRevision: number;
}

/**
 * Restores a snapshot. Rejects with the errors of `verifySnapshot` and `restore`; nothing is restored then. `now` is in
 * milliseconds since 1970.
 *
 * The restored store begins at a revision that is beyond all that clients may have seen: of the old store, and of earlier
 * restores of the same snapshot. So a watch cannot resume in the new history, and a cached entry never matches a new one.
 */
export async function restoreSnapshot(
  path: string,
  restore: RestoreLog,
  now: number = Date.now(),
): Promise<RestoredSnapshot> {
  const reader = await SnapshotReader.open(path);
  try {
    const { newestTime = now } = await readAll(reader);
    const jump = Math.max(revisionJumpMin, (now - newestTime) * revisionsPerMs);
    const restoredRevision = reader.revision + jump;
    const tally = new SnapshotTally();
    await restore(restoredRevision, tally.count(reader.transactions()));
    return { ...tally.summary(reader), restoredRevision };
  } finally {
    await reader.close();
  }
}
