import { SnapshotReader } from "../../transaction-log/snapshot/snapshot-reader.ts";
import type { Transaction } from "../../transaction-log/transaction-logger.ts";
import { type OnRead, readAll, type SnapshotSummary, SnapshotTally } from "./verify.ts";

/** Clients may have seen this many revisions after that of the snapshot, even where the clock is wrong. */
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
 * restores of any of its snapshots. So a watch cannot resume in the new history, and a cached entry never matches a new
 * one. The revision is the time in microseconds: no store overtakes that, and no restore is made before an earlier one.
 */
export async function restoreSnapshot(
  path: string,
  restore: RestoreLog,
  now: number = Date.now(),
  onRead?: OnRead,
): Promise<RestoredSnapshot> {
  const reader = await SnapshotReader.open(path, onRead);
  try {
    // A damaged file is refused before anything is written.
    await readAll(reader);
    const restoredRevision = Math.max(reader.revision + revisionJumpMin, now * revisionsPerMs);
    if (restoredRevision > Number.MAX_SAFE_INTEGER) {
      throw new RangeError(
        `the restored store would begin at ${restoredRevision}, above the largest revision`,
      );
    }
    const tally = new SnapshotTally();
    await restore(restoredRevision, tally.count(reader.transactions()));
    return { ...tally.summary(reader), restoredRevision };
  } finally {
    await reader.close();
  }
}
