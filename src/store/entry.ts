import type { PutEvent, Transaction, Value } from "../transaction-log/transaction-logger.ts";

/** A key, its value and what is known about them. Never changed: a write makes a new one. */
export interface Entry {
  readonly key: string;
  readonly value: Value;
  /** Sequence of the transaction that last wrote it. */
  readonly revision: number;
  readonly createRevision: number;
  /** Writes since createRevision, from 1. */
  readonly version: number;
  /** Milliseconds since 1970 UTC. */
  readonly updateTime: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
}

/** What an entry costs beside its key and value: objects, map and index, as measured with a million of them. */
export const entryOverheadBytes = 200;

export function createEntry(transaction: Transaction, event: PutEvent): Entry {
  return {
    key: event.key,
    value: event.value,
    revision: transaction.sequence,
    createRevision: event.createRevision,
    version: event.version,
    updateTime: transaction.time,
    expireTime: event.expireTime,
  };
}

/** Bytes of a value, text counted in UTF-8. */
export function valueBytes(value: Value): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

/** What storing `value` under `key` counts against the store's bound. */
export function entryBytes(key: string, value: Value): number {
  return Buffer.byteLength(key) + valueBytes(value) + entryOverheadBytes;
}
