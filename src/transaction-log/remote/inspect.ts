import { DuetError } from "../../errors.ts";
import { silentSink } from "../log-sink.ts";
import type { Transaction } from "../transaction-logger.ts";
import { encodeBarrier } from "./barrier.ts";
import { transactionsOf } from "./chain.ts";
import type { RemoteLogDriver } from "./driver.ts";
import { type DamagedRead, History } from "./history.ts";
import { readHead } from "./log-head.ts";
import { LogReader } from "./log-reader.ts";
import { snapshotOf } from "./replay.ts";

/** What an inspection finds, while it reads. */
export interface RemoteLogFindings {
  /** The transactions before the first damage, in order. */
  onTransactions(transactions: readonly Transaction[]): void;
  onDamagedRead(read: DamagedRead): void;
}

export interface RemoteLogReport {
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
 * Reads and checks the whole log, and changes nothing but the barrier; replicas may use it meanwhile. Each part is read from
 * one copy, which the engine picks, unless that is damaged. Rejects with LOG_CORRUPT when there is no log, and with the
 * driver's error.
 */
export async function inspectRemoteLog(
  driver: RemoteLogDriver,
  { onTransactions = () => {}, onDamagedRead = () => {} }: Partial<RemoteLogFindings> = {},
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
  } catch (error) {
    if (!(error instanceof DuetError) || !["LOG_CORRUPT", "LOG_VERSION"].includes(error.reason)) throw error;
    const newest = await history.readHead(await history.barrier());
    if (newest.head.horizon > horizon) {
      throw new DuetError("LOG_UNAVAILABLE", "the log was compacted while it was read; try again");
    }
    damage = error;
  }
  return { batches, transactions, lastSequence, horizon, damage };
}
