import { SnapshotReader } from "../../transaction-log/snapshot/snapshot-reader.ts";
import type { Transaction } from "../../transaction-log/transaction-logger.ts";
import { type SnapshotSummary, SnapshotTally } from "./verify.ts";

/**
 * The distance from the snapshot's revision to that of the restored store. Clients may have seen later revisions of
 * the old store. With the gap, a watch cannot resume in the new history, and a cached entry never matches a new one.
 */
const revisionJump = 1_000_000_000;

/** Creates a new log that begins at `horizon` with the transactions. Rejects with LOG_NOT_EMPTY. */
export type RestoreLog = (horizon: number, transactions: AsyncIterable<Transaction>) => Promise<void>;

export interface RestoredSnapshot extends SnapshotSummary {
  /**
   * The first revision of the restored store. Its entries keep their revisions, so its hash is that of the snapshot.
   */
  readonly restoredRevision: number;
}

/** Restores a snapshot. Rejects with the errors of `verifySnapshot` and `restore`; nothing is restored then. */
export async function restoreSnapshot(path: string, restore: RestoreLog): Promise<RestoredSnapshot> {
  const reader = await SnapshotReader.open(path);
  try {
    const tally = new SnapshotTally();
    const restoredRevision = reader.revision + revisionJump;
    await restore(restoredRevision, tally.count(reader.transactions()));
    return { ...tally.summary(reader), restoredRevision };
  } finally {
    await reader.close();
  }
}
