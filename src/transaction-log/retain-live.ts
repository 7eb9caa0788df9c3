import type { Transaction } from "./transaction-logger.ts";

/**
 * What compaction keeps of a transaction at or before the horizon: its live puts, in order; undefined when there are
 * none. Deletes go, because everything that they deleted goes too.
 */
export function retainLive(
  transaction: Transaction,
  isLive: (key: string, sequence: number) => boolean,
): Transaction | undefined {
  const events = transaction.events.filter(
    (event) => event.type === "put" && isLive(event.key, transaction.sequence),
  );
  if (events.length === transaction.events.length) return transaction;
  return events.length === 0 ? undefined : { ...transaction, events };
}
