import type { Change, Store } from "../../src/store/store.ts";
import type { TransactionEvent, Value } from "../../src/transaction-log/transaction-logger.ts";

/** A put of a key of which nothing else matters. */
export function put(key: string, value: Value = "", expireTime = 0): TransactionEvent {
  return { type: "put", key, value, createRevision: 1, version: 1, expireTime };
}

export function remove(key: string, expired = false): TransactionEvent {
  return { type: "delete", key, expired };
}

export function touch(key: string, expireTime: number): TransactionEvent {
  return { type: "touch", key, expireTime };
}

/** Applies the events as the next transaction, in a batch of its own. */
export function applyNext(store: Store, ...events: readonly TransactionEvent[]): readonly Change[] {
  const changes = store.apply({ sequence: store.revision + 1, time: store.revision + 1, events });
  store.publish();
  return changes;
}
