import { DuetError } from "../../../errors.ts";
import { TransactionDecoder, TransactionEncoder } from "../../transaction-codec.ts";
import type { Transaction } from "../../transaction-logger.ts";

/**
 * A row of `duetkv.transactions`: transactions, one behind the other, each with its sequence, and the sequence up to
 * which they reach. One row for many, because each row costs the server more than what is in it.
 */
export interface Piece {
  readonly last: number;
  readonly events: Buffer;
}

/** The bytes of a piece. */
export function encodePiece(transactions: readonly Transaction[]): Buffer {
  const encoder = new TransactionEncoder(0);
  for (const transaction of transactions) encoder.encode(transaction, true);
  return encoder.buffer.subarray(0, encoder.offset);
}

/** The transactions of a piece. Throws LOG_CORRUPT. */
export function decodePiece({ last, events }: Piece): Transaction[] {
  const decoder = new TransactionDecoder(events);
  const transactions: Transaction[] = [];
  try {
    while (!decoder.done) transactions.push(decoder.decode(undefined));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw corrupt(`what ends with transaction ${last} cannot be read: ${error.message}`);
  }
  return transactions;
}

export function corrupt(what: string): DuetError {
  return new DuetError("LOG_CORRUPT", `the log in the database is damaged: ${what}`);
}
