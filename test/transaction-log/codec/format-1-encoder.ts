import { varintBytesMax, writeVarint } from "../../../src/transaction-log/codec/varint.ts";
import type { Transaction, TransactionEvent } from "../../../src/transaction-log/transaction-logger.ts";

/** Encodes puts and deletes as 0.1 did, in the plainest way: in files without their sequences, in PostgreSQL with them. */
export function encodeFormat1(transactions: readonly Transaction[], withSequence: boolean): Buffer {
  return Buffer.concat(
    transactions.flatMap(({ sequence, time, events }) => [
      ...(withSequence ? [number(sequence)] : []),
      number(time),
      number(events.length),
      ...events.flatMap(encodeEvent),
    ]),
  );
}

function encodeEvent(event: TransactionEvent): Buffer[] {
  if (event.type === "touch") throw new Error("0.1 has no touch");
  if (event.type === "delete") return [Buffer.of(event.expired ? 3 : 1), ...sized(Buffer.from(event.key))];
  const { key, value, createRevision, version, expireTime } = event;
  const tag = (typeof value === "string" ? 0 : 2) + (expireTime === 0 ? 0 : 4);
  return [
    Buffer.of(tag),
    ...sized(Buffer.from(key)),
    ...sized(Buffer.from(value as Uint8Array)),
    number(createRevision),
    number(version),
    ...(expireTime === 0 ? [] : [number(expireTime)]),
  ];
}

function sized(bytes: Buffer): Buffer[] {
  return [number(bytes.length), bytes];
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(varintBytesMax);
  return bytes.subarray(0, writeVarint(bytes, value, 0));
}
