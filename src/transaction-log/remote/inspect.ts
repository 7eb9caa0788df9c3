import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { silentSink } from "../log-sink.ts";
import type { Transaction } from "../transaction-logger.ts";
import { encodeBarrier } from "./barrier.ts";
import { type Cursor, transactionsOf } from "./chain.ts";
import type { RemoteLogDriver } from "./driver.ts";
import { type DamagedRead, History } from "./history.ts";
import { type LogHead, readHead } from "./log-head.ts";
import { LogReader } from "./log-reader.ts";
import { snapshotOf } from "./replay.ts";

/** What an inspection finds, while it reads. */
export interface RemoteLogFindings {
  /** The transactions before the first damage, in order. */
  onTransactions(transactions: readonly Transaction[]): void;
  onDamagedRead(read: DamagedRead): void;
}

export interface RemoteLogReport {
  /** How often all of it was read: less than was asked for when it was compacted meanwhile. */
  readonly reads: number;
  /** After the snapshot. */
  readonly batches: number;
  readonly transactions: number;
  /** The last good one, when the log is damaged. */
  readonly lastSequence: number;
  readonly horizon: number;
  /** LOG_CORRUPT or LOG_VERSION; nothing after it was read. */
  readonly damage: DuetError | undefined;
}

/**
 * How often a part of the log must be read so that, with a probability of 99.9 %, each of so many copies was read, where the
 * engine picks one at random.
 */
export function readsOfEachCopy(copies: number): number {
  return copies === 1 ? 1 : Math.ceil(Math.log(0.001 / copies) / Math.log(1 - 1 / copies));
}

/**
 * Reads and checks the whole log, and changes nothing but the barrier; replicas may use it meanwhile. It is read `reads`
 * times, each part from the copy that the engine picks, unless that is damaged. Rejects with LOG_CORRUPT when there is no
 * log, and with the driver's error.
 */
export async function inspectRemoteLog(
  driver: RemoteLogDriver,
  { onTransactions = () => {}, onDamagedRead = () => {} }: Partial<RemoteLogFindings> = {},
  reads = 1,
): Promise<RemoteLogReport> {
  const found = await readHead(driver, await driver.barrier(encodeBarrier("", 0)), async ({ message }) =>
    onDamagedRead({ what: message, copies: await driver.describeCopies() }),
  );
  if (found === undefined) throw new DuetError("LOG_CORRUPT", "the streams contain no log");
  const { head } = found;
  const { horizon, cursor } = head;
  const history = new History(driver, head, silentSink);
  history.onDamagedRead = onDamagedRead;
  const reader = new LogReader(history, cursor);
  let batches = 0;
  let transactions = 0;
  let lastSequence = 0;
  const pass = (read: readonly Transaction[]) => {
    transactions += read.length;
    lastSequence = read.at(-1)?.sequence ?? lastSequence;
    onTransactions(read);
  };
  let done = 0;
  let damage: DuetError | undefined;
  try {
    const end = await history.barrier();
    for await (const kept of snapshotOf(history, head)) pass(kept);
    lastSequence = horizon;
    for await (const page of reader.readTo(end)) {
      for (const batch of page) {
        batches++;
        pass(transactionsOf(batch).filter(({ sequence }) => sequence > horizon));
      }
    }
    // So that a copy that has lost the end of the log is found, too.
    history.advance(reader.cursor);
    for (done = 1; done < reads; done++) await readAgain(history, head, reader.cursor);
  } catch (error) {
    if (!(error instanceof DuetError) || !["LOG_CORRUPT", "LOG_VERSION"].includes(error.reason)) throw error;
    const newest = await history.readHead(await history.barrier());
    const isCompacted = newest.head.horizon > horizon;
    if (isCompacted && done === 0) {
      throw new DuetError("LOG_UNAVAILABLE", "the log was compacted while it was read; try again");
    }
    if (!isCompacted) damage = error;
  }
  return { reads: done, batches, transactions, lastSequence, horizon, damage };
}

/** Reads everything once more that has been read up to `end`, from copies that the engine picks. */
async function readAgain(history: History, head: LogHead, end: Cursor): Promise<void> {
  // Checksums and the chain are checked. What a batch contains is the same in every copy.
  for await (const _ of snapshotOf(history, head)) continue;
  const reader = new LogReader(history, head.cursor);
  while (reader.cursor.position < end.position) {
    // A copy may be a little older.
    if ((await reader.next()).length === 0) await delay(20);
  }
}
