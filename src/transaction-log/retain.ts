import { requestTime } from "./codec/request-record.ts";
import type { Retention, Transaction, TransactionEvent } from "./transaction-logger.ts";

/**
 * What compaction keeps of a transaction at or before the horizon: its live puts, in order, with the expire time that
 * later touches gave them, and its request record if that is young enough. Undefined when nothing is left. Deletes and
 * touches go, because everything that they changed goes too, or has been changed.
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
