import { SnapshotReader } from "../../transaction-log/snapshot/snapshot-reader.ts";
import type { Transaction } from "../../transaction-log/transaction-logger.ts";
import { type SnapshotSummary, SnapshotTally } from "./verify.ts";

/**
 * How far the revision jumps. Clients that saw later revisions of the store than those of the snapshot see that the
 * history is another one: a watch cannot resume in it, and a cached entry never matches a new one.
 */
const revisionJump = 1_000_000_000;

/** Makes a new log that begins at `horizon` with the transactions. Rejects with LOG_NOT_EMPTY. */
export type RestoreLog = (horizon: number, transactions: AsyncIterable<Transaction>) => Promise<void>;

export interface RestoredSnapshot extends SnapshotSummary {
  /** At which the restored store begins. Its entries keep their revisions, so that its hash is that of the snapshot. */
  readonly restoredRevision: number;
}

/** Rejects as `verifySnapshot` and `restore` do; nothing is restored then. */
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
