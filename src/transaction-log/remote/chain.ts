import { DuetError } from "../../errors.ts";
import { type BatchHeader, isBatch, readBatchHeader, readTransactions } from "../codec/batch.ts";
import { UnknownFormatError } from "../codec/fields.ts";
import type { Transaction } from "../transaction-logger.ts";
import type { LogMessage } from "./driver.ts";

/** The end of a batch. Batches are a chain, so it stands for the whole log before it. */
export interface Cursor {
  /** Of the batch, in the engine; 0: before the first batch. */
  readonly position: number;
  readonly sequence: number;
  /** The id of the batch; undefined before the first one. */
  readonly batch: string | undefined;
}

/** A batch whose place in the chain was checked. */
export interface ChainedBatch {
  readonly header: BatchHeader;
  readonly bytes: Buffer;
  /** Its end. */
  readonly end: Cursor;
}

/** A copy of the log lacks a batch, or has a damaged one. */
export class ChainError extends Error {}

/** The log has only the batch with which a restore begins: the head does not name its snapshot yet. */
export class UnfinishedRestore extends DuetError {
  /** Of that batch. */
  readonly end: Cursor;

  constructor(end: Cursor) {
    super(
      "LOG_CORRUPT",
      `a restore of the log up to sequence ${end.sequence} has not ended; run it again with the same backup`,
    );
    this.end = end;
  }
}

/** Checks that a message is the batch after `cursor`. Throws ChainError, UnfinishedRestore, and LOG_VERSION. */
export function chain(cursor: Cursor, { position, bytes }: LogMessage): ChainedBatch {
  const header = decodeHeader(position, bytes);
  const { basis, last, count, id, previous } = header;
  if (basis !== cursor.sequence || previous !== cursor.batch) {
    throw new ChainError(
      `the batch after ${cursor.sequence} is missing: message ${position} has the one after ${basis}`,
    );
  }
  if (basis === 0 && count === 0 && last > 0) {
    throw new UnfinishedRestore({ position, sequence: last, batch: id });
  }
  if (last - basis !== count || id === undefined) {
    throw new ChainError(`message ${position} has ${count} of the transactions ${basis + 1} to ${last}`);
  }
  return { header, bytes, end: { position, sequence: last, batch: id } };
}

/**
 * Decodes the transactions of a batch. Throws DuetError with LOG_VERSION or LOG_CORRUPT: the checksum was right, so all
 * copies have the same.
 */
export function transactionsOf({ header, bytes, end }: ChainedBatch): Transaction[] {
  try {
    return readTransactions(bytes, header);
  } catch (error) {
    throw asFinalError(error, `message ${end.position}`);
  }
}

function decodeHeader(position: number, bytes: Buffer): BatchHeader {
  try {
    if (!isBatch(bytes)) throw new RangeError("it is not a batch");
    return readBatchHeader(bytes);
  } catch (error) {
    throw asLogError(error, `message ${position}`);
  }
}

/** ChainError for damaged bytes, LOG_VERSION for those of a later release, or the error itself. */
export function asLogError(error: unknown, place: string): unknown {
  if (error instanceof UnknownFormatError) {
    return new DuetError(
      "LOG_VERSION",
      `the log was written by a newer release: ${place} has ${error.message}`,
    );
  }
  return error instanceof RangeError ? new ChainError(`${place} cannot be decoded: ${error.message}`) : error;
}

/** As `asLogError`, with LOG_CORRUPT for damaged bytes. */
function asFinalError(error: unknown, place: string): unknown {
  const cause = asLogError(error, place);
  return cause instanceof ChainError
    ? new DuetError("LOG_CORRUPT", `the log is damaged: ${cause.message}`)
    : cause;
}

/** LOG_CORRUPT for damage that all copies have, which `copies` names; or the error itself. */
export function asCorrupt(error: unknown, copies: string): unknown {
  if (!(error instanceof ChainError)) return error;
  return new DuetError("LOG_CORRUPT", `the log is damaged: ${error.message}; its copies are on ${copies}`);
}
