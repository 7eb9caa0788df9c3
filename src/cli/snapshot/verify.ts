import { StateHash } from "../../store/state-hash.ts";
import { SnapshotReader } from "../../transaction-log/snapshot/snapshot-reader.ts";
import type { Transaction } from "../../transaction-log/transaction-logger.ts";

export interface SnapshotSummary {
  /** Of the store that it is a snapshot of. */
  readonly revision: number;
  readonly entries: number;
  /** Of the file. */
  readonly bytes: number;
  /** What GetStatus has as `state_hash` at the same revision. */
  readonly hash: string;
}

/**
 * Decodes the whole file. Rejects with LOG_CORRUPT when it is damaged or cut, with LOG_VERSION when a newer release wrote
 * it, and with the error of the file system.
 */
export async function verifySnapshot(path: string): Promise<SnapshotSummary> {
  const reader = await SnapshotReader.open(path);
  try {
    const hash = new StateHash();
    let entries = 0;
    for await (const transaction of reader.transactions()) entries += addTo(hash, transaction);
    return { revision: reader.revision, entries, bytes: reader.bytes, hash: hash.toString() };
  } finally {
    await reader.close();
  }
}

/** Returns the number of entries. */
function addTo(hash: StateHash, { sequence: revision, time: updateTime, events }: Transaction): number {
  let entries = 0;
  for (const event of events) {
    if (event.type !== "put") continue;
    hash.add({ ...event, revision, updateTime });
    entries++;
  }
  return entries;
}
