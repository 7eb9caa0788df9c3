import type { ByteSpan } from "../byte-span.ts";
import type {
  PutEvent,
  Transaction,
  TransactionEvent,
  Value,
} from "../transaction-log/transaction-logger.ts";
import { toOrderKey } from "./key-order.ts";
import { textBytes } from "./text.ts";

/** A key with its value and metadata. Immutable: each write makes a new entry. */
export interface Entry {
  readonly key: string;
  readonly value: Value;
  /** Sequence of the transaction that last wrote it. */
  readonly revision: number;
  readonly createRevision: number;
  /** The number of writes since createRevision, including that one; starts at 1. */
  readonly version: number;
  /** Milliseconds since 1970 UTC. */
  readonly updateTime: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly expireTime: number;
  /** The result of `entryBytes`, measured once. */
  readonly bytes: number;
}

/** The key and metadata of an entry, without the value. */
export type EntryHead = Omit<Entry, "value" | "bytes">;

/** What tells how much memory an entry takes. */
export type MeasuredEntry = Pick<Entry, "key" | "value" | "expireTime" | "bytes">;

/** An entry whose value lies in memory as bytes. To read `value` makes a copy of them. */
export interface EncodedEntry extends Entry {
  readonly isText: boolean;
  /** UTF-8 if it is text. */
  readonly encodedValue: ByteSpan;
}

/** An entry as a store has it, to be sent at once: it may be read until the turn of the event loop ends. */
export type EntryView = Entry | EncodedEntry;

/**
 * Bytes of memory that an entry takes in addition to its key and value, measured with 200,000 entries: the object,
 * two string headers, its slots in the map and in the index, and the second table that a map has while it grows.
 */
export const entryOverheadBytes = 240;

/** Bytes of memory that a time to live adds: a node in the expiry index. */
const expiryBytes = 128;

/**
 * Bytes of memory that a binary value takes in addition to its length: an array, its buffer and the allocator's
 * overhead.
 */
const byteArrayBytes = 300;

/** Bytes of a string header, for keys whose order key is a separate string. */
const orderKeyBytes = 24;

/**
 * Makes the entry that a put creates. It reuses the key string of `previous`, the earlier entry of the same key, so
 * that the key is in memory only once.
 */
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

/**
 * The entry that an event leaves: a new one for a put, a changed `previous` for a touch, undefined for a delete. A
 * touch without `previous` leaves undefined, too.
 */
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

/** The size of a value in bytes; text counts in UTF-8. */
export function valueBytes(value: Value): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

/** The most that `valueBytes` can be, without measuring: a UTF-16 code unit takes up to three bytes of UTF-8. */
export function valueBytesBound({ length }: Value): number {
  return length * 3;
}

/** The bytes that an entry counts towards the store's limit. Never less than the memory that it takes. */
export function entryBytes(key: string, value: Value, expireTime: number): number {
  let bytes = entryOverheadBytes + textBytes(key);
  if (toOrderKey(key) !== key) bytes += orderKeyBytes + key.length * 2;
  bytes += typeof value === "string" ? textBytes(value) : value.length + byteArrayBytes;
  return expireTime === 0 ? bytes : bytes + expiryBytes;
}

/** The same for a key and a text that have only ASCII characters, and `length` of them together. */
export function asciiEntryBytes(length: number, expireTime: number): number {
  return entryOverheadBytes + length + (expireTime === 0 ? 0 : expiryBytes);
}

/** Whether key and value are text of ASCII characters. Only their lengths are looked at, and `bytes`. */
export function isAsciiEntry({ key, value, expireTime, bytes }: MeasuredEntry): boolean {
  return typeof value === "string" && bytes === asciiEntryBytes(key.length + value.length, expireTime);
}
