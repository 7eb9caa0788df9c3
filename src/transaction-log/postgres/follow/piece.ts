import { DuetError } from "../../../errors.ts";
import { TransactionDecoder, TransactionEncoder } from "../../transaction-codec.ts";
import type { Transaction } from "../../transaction-logger.ts";

/**
 * A row of `duetkv.transactions`: consecutive transactions, each with its sequence, and the sequence of the last one. One
 * row has many transactions, because a row costs the server more than its content.
 */
export interface Piece {
  readonly last: number;
  readonly events: Buffer;
}

/** Returns the bytes of a piece. */
export function encodePiece(transactions: readonly Transaction[]): Buffer {
  const encoder = new TransactionEncoder(0);
  for (const transaction of transactions) encoder.encode(transaction, true);
  return encoder.buffer.subarray(0, encoder.offset);
}

/** Returns the transactions of a piece. Throws LOG_CORRUPT. */
export function decodePiece({ last, events }: Piece): Transaction[] {
  const decoder = new TransactionDecoder(events);
  const transactions: Transaction[] = [];
  try {
    while (!decoder.done) transactions.push(decoder.decode(undefined));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw corrupt(`the row of transaction ${last} cannot be decoded: ${error.message}`);
  }
  return transactions;
}

export function corrupt(what: string): DuetError {
  return new DuetError("LOG_CORRUPT", `the log in the database is damaged: ${what}`);
}
