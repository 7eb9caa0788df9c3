import type { Transaction, TransactionEvent } from "../transaction-logger.ts";
import { encodeBytes, encodeIntegers, encodeTexts } from "./binary-array.ts";

/** What a row of `duetkv.transactions` is. A text with NUL, which PostgreSQL's text cannot hold, is kept as bytes. */
export const rowKinds = { putText: 0, putBytes: 1, putTextAsBytes: 2, delete: 3, expired: 4 } as const;

/** Columns of a row in the order in which they are written and read. */
export const rowColumns =
  "sequence, position, kind, time, key, text, bytes, create_revision, version, expire_time";

/** One array for each of `rowColumns`; unnested, they are the rows. */
export const rowArrays = [
  "bigint[]",
  "bigint[]",
  "bigint[]",
  "bigint[]",
  "text[]",
  "text[]",
  "bytea[]",
  "bigint[]",
  "bigint[]",
  "bigint[]",
] as const;

/** A row as the driver gives it: numbers beyond 32 bits come as text. */
export type EventRow = readonly [
  sequence: string,
  position: number,
  kind: number,
  time: string,
  key: string,
  text: string | null,
  bytes: Buffer | null,
  createRevision: string,
  version: string,
  expireTime: string,
];

/** The values of `rowArrays`. */
export function encodeRows(transactions: readonly Transaction[]): readonly Buffer[] {
  const integers: number[][] = [[], [], [], [], [], [], []];
  const [sequences, positions, kinds, times, createRevisions, versions, expireTimes] = integers as [
    number[],
    number[],
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  const keys: string[] = [];
  const texts: (string | null)[] = [];
  const bytes: (Uint8Array | null)[] = [];
  for (const { sequence, time, events } of transactions) {
    events.forEach((event, position) => {
      const kind = rowKind(event);
      const value = event.type === "put" ? event.value : null;
      sequences.push(sequence);
      positions.push(position);
      kinds.push(kind);
      times.push(time);
      keys.push(event.key);
      texts.push(kind === rowKinds.putText ? (value as string) : null);
      bytes.push(kind === rowKinds.putText || value === null ? null : toBytes(value));
      createRevisions.push(event.type === "put" ? event.createRevision : 0);
      versions.push(event.type === "put" ? event.version : 0);
      expireTimes.push(event.type === "put" ? event.expireTime : 0);
    });
  }
  return [
    ...[sequences, positions, kinds, times].map(encodeIntegers),
    encodeTexts(keys),
    encodeTexts(texts),
    encodeBytes(bytes),
    ...[createRevisions, versions, expireTimes].map(encodeIntegers),
  ];
}

/** The event of a row. */
export function decodeRow(row: EventRow): TransactionEvent {
  const [, , kind, , key, text, bytes, createRevision, version, expireTime] = row;
  if (kind === rowKinds.delete || kind === rowKinds.expired) {
    return { type: "delete", key, expired: kind === rowKinds.expired };
  }
  const value =
    kind === rowKinds.putText
      ? (text as string)
      : kind === rowKinds.putTextAsBytes
        ? (bytes as Buffer).toString()
        : toPlainBytes(bytes as Buffer);
  return {
    type: "put",
    key,
    value,
    createRevision: Number(createRevision),
    version: Number(version),
    expireTime: Number(expireTime),
  };
}

function rowKind(event: TransactionEvent): number {
  if (event.type === "delete") return event.expired ? rowKinds.expired : rowKinds.delete;
  if (typeof event.value !== "string") return rowKinds.putBytes;
  return event.value.includes("\0") ? rowKinds.putTextAsBytes : rowKinds.putText;
}

function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}

function toPlainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
