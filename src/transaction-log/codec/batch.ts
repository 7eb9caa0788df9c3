import { crc32 } from "node:zlib";
import type { Transaction } from "../transaction-logger.ts";
import { UnknownFormatError } from "./fields.ts";
import { TransactionDecoder } from "./transaction-decoder.ts";
import { TransactionEncoder } from "./transaction-encoder.ts";

/**
 * A batch in format 2, for a log without frames: the transactions of one append, or the rest of several appends after a
 * compaction. Numbers are little-endian.
 *
 *      0 16  marker
 *     16  4  CRC-32 of all bytes after it; this and all fields up to the version never change
 *     20  4  format version, 2
 *     24  8  basis: the sequence before the batch
 *     32  8  last: the last sequence of the batch
 *     40  4  count of transactions; equal to the count of sequences until a compaction
 *     44 16  id, a UUID; zeros when unknown
 *     60 16  id of the batch before; zeros when unknown
 *     76  n  transactions
 *
 * Format 1 had only transactions, each preceded by its sequence. All bytes of the marker have the top bit set, so that
 * a decoder of format 1 rejects it as a number that is too long, even if any byte of it has changed.
 */
export interface Batch {
  readonly basis: number;
  readonly last: number;
  /** undefined: unknown. */
  readonly id: string | undefined;
  /** The id of the batch before; undefined: unknown. */
  readonly previous: string | undefined;
  readonly transactions: readonly Transaction[];
}

const marker = Buffer.from("DuetKV log batch", "latin1").map((byte) => byte | 0x80);
const headerBytes = 76;
const version = 2;
const unknownId = "00000000-0000-0000-0000-000000000000";

export function encodeBatch({ basis, last, id, previous, transactions }: Batch): Buffer {
  // A new encoder, because its bytes are sent later. Allocating too much costs more than encoding.
  const encoder = new TransactionEncoder(headerBytes, 2048);
  encoder.begin(basis);
  for (const transaction of transactions) encoder.encode(transaction);
  const bytes = encoder.buffer.subarray(0, encoder.offset);
  bytes.set(marker, 0);
  bytes.writeUInt32LE(version, 20);
  bytes.writeBigUInt64LE(BigInt(basis), 24);
  bytes.writeBigUInt64LE(BigInt(last), 32);
  bytes.writeUInt32LE(transactions.length, 40);
  writeId(bytes, id, 44);
  writeId(bytes, previous, 60);
  bytes.writeUInt32LE(crc32(bytes.subarray(20)), 16);
  return bytes;
}

/**
 * Whether the bytes are a batch of format 2. False for a batch of format 1, and for a damaged one, which a decoder of
 * format 1 rejects.
 */
export function isBatch(bytes: Buffer): boolean {
  return bytes.subarray(0, marker.length).equals(marker);
}

/** A batch without its transactions. */
export interface BatchHeader extends Omit<Batch, "transactions"> {
  /** The number of transactions. */
  readonly count: number;
}

/** Decodes bytes for which `isBatch` is true. Throws RangeError for a damaged batch, or UnknownFormatError. */
export function decodeBatch(bytes: Buffer): Batch {
  const { count, ...header } = readBatchHeader(bytes);
  return { ...header, transactions: readTransactions(bytes, { ...header, count }) };
}

/** Decodes the header of a batch and checks its checksum. Throws as `decodeBatch` does. */
export function readBatchHeader(bytes: Buffer): BatchHeader {
  if (bytes.length < headerBytes) throw new RangeError("the batch is too short");
  if (crc32(bytes.subarray(20)) !== bytes.readUInt32LE(16)) throw new RangeError("the checksum is wrong");
  const written = bytes.readUInt32LE(20);
  if (written !== version) throw new UnknownFormatError(`format version ${written}`);
  const basis = Number(bytes.readBigUInt64LE(24));
  const last = Number(bytes.readBigUInt64LE(32));
  const count = bytes.readUInt32LE(40);
  return { basis, last, count, id: readId(bytes, 44), previous: readId(bytes, 60) };
}

/** Decodes the transactions of a batch with this header. Throws as `decodeBatch` does. */
export function readTransactions(bytes: Buffer, { basis, last, count }: BatchHeader): Transaction[] {
  const decoder = new TransactionDecoder(bytes.subarray(headerBytes), basis);
  const transactions: Transaction[] = [];
  for (let index = 0; index < count; index++) transactions.push(decoder.decode());
  if (!decoder.done) throw new RangeError("bytes after the last transaction");
  if ((transactions.at(-1)?.sequence ?? basis) > last)
    throw new RangeError("transactions after the end of the batch");
  return transactions;
}

function writeId(bytes: Buffer, id: string | undefined, offset: number): void {
  bytes.write((id ?? unknownId).replaceAll("-", ""), offset, "hex");
}

function readId(bytes: Buffer, offset: number): string | undefined {
  const hex = bytes.toString("hex", offset, offset + 16);
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return id === unknownId ? undefined : id;
}
