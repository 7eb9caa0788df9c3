import { DuetError } from "../../../errors.ts";
import { type Batch, decodeBatch, encodeBatch, isBatch } from "../../codec/batch.ts";
import { UnknownFormatError } from "../../codec/fields.ts";
import { Format1Decoder } from "../../codec/format-1-decoder.ts";
import type { Transaction } from "../../transaction-logger.ts";

/**
 * A row of `duetkv.transactions`: a batch, and the sequence at which it ends. One row has many transactions, because a
 * row costs the server more than its content. Rows of 0.1 have only transactions, in format 1.
 */
export interface Piece {
  readonly last: number;
  readonly events: Buffer;
}

/** What a row contains. A row of 0.1 names neither its basis nor a batch. */
export type DecodedPiece = Omit<Batch, "basis"> & { readonly basis: number | undefined };

/** Returns the row of a batch. */
export function encodePiece(batch: Batch): Piece {
  return { last: batch.last, events: encodeBatch(batch) };
}

/** Throws LOG_CORRUPT and LOG_VERSION. */
export function decodePiece(piece: Piece): DecodedPiece {
  const { last, events } = piece;
  try {
    if (!isBatch(events)) return decodeFormat1(piece);
    const batch = decodeBatch(events);
    if (batch.last !== last) throw new RangeError(`it contains the batch that ends at ${batch.last}`);
    return batch;
  } catch (error) {
    if (error instanceof UnknownFormatError) {
      throw new DuetError(
        "LOG_VERSION",
        `the log in the database was written by a newer release: the row of transaction ${last} has ${error.message}`,
      );
    }
    if (!(error instanceof RangeError)) throw error;
    throw corrupt(`the row of transaction ${last} cannot be decoded: ${error.message}`);
  }
}

function decodeFormat1({ last, events }: Piece): DecodedPiece {
  const decoder = new Format1Decoder(events, undefined);
  const transactions: Transaction[] = [];
  do transactions.push(decoder.decode());
  while (!decoder.done);
  return { basis: undefined, last, id: undefined, previous: undefined, transactions };
}

export function corrupt(what: string): DuetError {
  return new DuetError("LOG_CORRUPT", `the log in the database is damaged: ${what}`);
}
