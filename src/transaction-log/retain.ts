import { timeOf, toRequestId } from "./codec/request-id.ts";
import type { PutEvent, Retention, Transaction, TransactionEvent } from "./transaction-logger.ts";

/**
 * The part of a transaction at or before the horizon that compaction keeps: its live puts, in order, with the expire
 * time of later touches, and its request if that is young enough. undefined when nothing is left. Deletes and
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
  const request = retainRequest(transaction, changed, retention);
  if (!changed && request === transaction.request) return transaction;
  return events.length === 0 && request === undefined ? undefined : { sequence, time, events, request };
}

/** `changed`: the events of the transaction are not kept as they are. */
function retainRequest(
  transaction: Transaction,
  changed: boolean,
  retention: Retention,
): Transaction["request"] {
  const { request, events } = transaction;
  if (request === undefined) return undefined;
  const id = request instanceof Uint8Array ? toRequestId(request) : request;
  if (timeOf(id) < retention.requestsSince) return undefined;
  if (!changed || request instanceof Uint8Array) return request;
  return retention.recordOf(id, events[0] as PutEvent, transaction);
}
