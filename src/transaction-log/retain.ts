import { requestTime } from "./codec/request-record.ts";
import type { Retention, Transaction, TransactionEvent } from "./transaction-logger.ts";

/**
 * The part of a transaction at or before the horizon that compaction keeps: its live puts, in order, with the expire
 * time of later touches, and its request record if that is young enough. undefined when nothing is left. Deletes and
 * touches are dropped: the entries that they changed are dropped or have been changed again.
 */
export function retain(transaction: Transaction, retention: Retention): Transaction | undefined {
  const { sequence, time } = transaction;
  const events: TransactionEvent[] = [];
  let changed = false;
  for (const event of transaction.events) {
    const live = event.type === "put" ? retention.live(event.key) : undefined;
    if (event.type !== "put" || live?.revision !== sequence) {
      changed = true;
    } else if (event.expireTime === live.expireTime) {
      events.push(event);
    } else {
      changed = true;
      events.push({ ...event, expireTime: live.expireTime });
    }
  }
  const isYoung = transaction.request && requestTime(transaction.request) >= retention.requestsSince;
  const request = isYoung ? transaction.request : undefined;
  if (!changed && request === transaction.request) return transaction;
  return events.length === 0 && request === undefined ? undefined : { sequence, time, events, request };
}
