import { StateHash } from "../../store/state-hash.ts";
import { SnapshotReader } from "../../transaction-log/snapshot/snapshot-reader.ts";
import type { Transaction } from "../../transaction-log/transaction-logger.ts";

export interface SnapshotSummary {
  /** The revision of the snapshot. */
  readonly revision: number;
  readonly entries: number;
  /** The size of the file. */
  readonly bytes: number;
  /** The `state_hash` of GetStatus at the same revision. */
  readonly hash: string;
}

/** Called with the bytes of a file that were read so far, and its size. */
export type OnRead = (bytes: number, total: number) => void;

/**
 * Decodes the whole file. Rejects with LOG_CORRUPT when it is damaged or truncated, with LOG_VERSION when a newer
 * release wrote it, and with the error of the file system.
 */
export async function verifySnapshot(path: string, onRead?: OnRead): Promise<SnapshotSummary> {
  const reader = await SnapshotReader.open(path, onRead);
  try {
    return (await readAll(reader)).summary(reader);
  } finally {
    await reader.close();
  }
}

/** Reads a snapshot to its end. Rejects as `verifySnapshot`. */
export async function readAll(reader: SnapshotReader): Promise<SnapshotTally> {
  const tally = new SnapshotTally();
  for await (const _ of tally.count(reader.transactions())) continue;
  return tally;
}

/** Counts and hashes the entries of a snapshot as they pass. */
export class SnapshotTally {
  readonly #hash = new StateHash();
  #entries = 0;

  async *count(transactions: AsyncIterable<Transaction>): AsyncGenerator<Transaction, void> {
    for await (const transaction of transactions) {
      this.#add(transaction);
      yield transaction;
    }
  }

  summary({ revision, bytes }: Pick<SnapshotSummary, "revision" | "bytes">): SnapshotSummary {
    return { revision, entries: this.#entries, bytes, hash: this.#hash.toString() };
  }

  #add({ sequence: revision, time: updateTime, events }: Transaction): void {
    for (const event of events) {
      if (event.type !== "put") continue;
      this.#hash.add({ ...event, revision, updateTime });
      this.#entries++;
    }
  }
}
