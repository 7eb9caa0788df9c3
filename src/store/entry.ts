import type {
  PutEvent,
  Transaction,
  TransactionEvent,
  Value,
} from "../transaction-log/transaction-logger.ts";
import { toOrderKey } from "./key-order.ts";
import { textBytes } from "./text.ts";

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
  /** `entryBytes` of it, measured once. */
  readonly bytes: number;
}

/** What is known of an entry, without its value. */
export type EntryHead = Omit<Entry, "value" | "bytes">;

/**
 * What an entry occupies beside its key and value, measured with 200,000 of them: the object, two headers of strings,
 * its places in the map and in the index, and the second table that the map has while it grows.
 */
export const entryOverheadBytes = 240;

/** What an entry with a time to live occupies in addition, in the index of expiry times. */
const expiryBytes = 128;

/** What bytes occupy more than text of the same length: an array, its buffer and the allocator's share. */
const byteArrayBytes = 300;

/** The header of a string, when the index needs an order key of its own. */
const orderKeyBytes = 24;

/** `previous`: the entry of the same key before; its key is used again, so that it is in memory once. */
export function createEntry(
  transaction: Pick<Transaction, "sequence" | "time">,
  event: PutEvent,
  previous: Entry | undefined,
): Entry {
  return {
    key: previous === undefined ? event.key : previous.key,
    value: event.value,
    revision: transaction.sequence,
    createRevision: event.createRevision,
    version: event.version,
    updateTime: transaction.time,
    expireTime: event.expireTime,
    bytes: entryBytes(event.key, event.value, event.expireTime),
  };
}

/** The entry that an event makes of `previous`, which a touch must have; undefined for a delete. */
export function entryAfter(
  transaction: Pick<Transaction, "sequence" | "time">,
  event: TransactionEvent,
  previous: Entry | undefined,
): Entry | undefined {
  if (event.type === "put") return createEntry(transaction, event, previous);
  return event.type === "touch" && previous !== undefined
    ? touchEntry(previous, event.expireTime)
    : undefined;
}

/** The same entry with another expire time. */
function touchEntry(entry: Entry, expireTime: number): Entry {
  const { key, value, revision, createRevision, version, updateTime } = entry;
  const bytes = entryBytes(key, value, expireTime);
  return { key, value, revision, createRevision, version, updateTime, expireTime, bytes };
}

/** Bytes of a value, text counted in UTF-8. */
export function valueBytes(value: Value): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

/** The most that `valueBytes` can be, without measuring: a UTF-16 code unit takes up to three bytes of UTF-8. */
export function valueBytesBound({ length }: Value): number {
  return length * 3;
}

/** What an entry counts against the store's bound: no less than the memory that it occupies. */
export function entryBytes(key: string, value: Value, expireTime: number): number {
  let bytes = entryOverheadBytes + textBytes(key);
  if (toOrderKey(key) !== key) bytes += orderKeyBytes + key.length * 2;
  bytes += typeof value === "string" ? textBytes(value) : value.length + byteArrayBytes;
  return expireTime === 0 ? bytes : bytes + expiryBytes;
}
