import { setTimeout as delay } from "node:timers/promises";
import { isBatch, readBatchHeader, readTransactions } from "../codec/batch.ts";
import type { Transaction } from "../transaction-logger.ts";
import { asLogError, ChainError } from "./chain.ts";
import { readOtherCopies } from "./copies.ts";
import { type Copy, type LogMessage, lagMs } from "./driver.ts";
import type { History } from "./history.ts";

/** A place between the pieces of a snapshot. */
interface PieceCursor {
  readonly position: number;
  readonly sequence: number;
  /** The id of the piece before; undefined before the first one. */
  readonly piece: string | undefined;
  /** How many pieces are before. */
  readonly pieces: number;
}

interface ChainedPiece {
  readonly transactions: readonly Transaction[];
  readonly end: PieceCursor;
}

/**
 * Yields the transactions of a snapshot that ends at `horizon`, a piece at a time. Rejects with ChainError when all copies
 * are damaged, with LOG_VERSION, and with the driver's error.
 */
export async function* readSnapshot(
  history: History,
  snapshot: { readonly id: string; readonly pieces: number },
  horizon: number,
): AsyncGenerator<readonly Transaction[]> {
  let cursor: PieceCursor = { position: 0, sequence: 0, piece: undefined, pieces: 0 };
  for (let until = performance.now() + lagMs; cursor.pieces < snapshot.pieces; ) {
    const found = await readPieces(history, snapshot.id, cursor);
    for (const { transactions, end } of found) {
      // A piece was written again if its confirmation was lost.
      if (end.pieces > cursor.pieces) yield transactions;
      cursor = end;
      if (cursor.pieces === snapshot.pieces) break;
    }
    if (found.length > 0) {
      until = performance.now() + lagMs;
    } else if (performance.now() < until) {
      await delay(20);
    } else {
      throw new ChainError(`the snapshot has ${cursor.pieces} of ${snapshot.pieces} pieces`);
    }
  }
  if (cursor.sequence !== horizon) {
    throw new ChainError(`the snapshot ends at ${cursor.sequence}, not at ${horizon}`);
  }
}

/** Reads the next pieces from any copy, or from another one if that has none or damaged ones. */
async function readPieces(
  history: History,
  snapshot: string,
  from: PieceCursor,
): Promise<readonly ChainedPiece[]> {
  const { driver } = history;
  const read = async (copy: Copy) => {
    const { pieces, damage } = chainPieces(from, await driver.readPieces(snapshot, from.position, copy));
    // The next read may be of another copy, which has what is missing here.
    if (damage) await history.reportDamage(damage);
    return pieces;
  };
  try {
    const pieces = await read("any");
    if (pieces.length > 0) return pieces;
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    await history.reportDamage(error);
  }
  return readOtherCopies(driver, read);
}

/** The first damage, and what is before it. Throws ChainError when there is nothing, and LOG_VERSION. */
function chainPieces(
  from: PieceCursor,
  messages: readonly LogMessage[],
): { readonly pieces: readonly ChainedPiece[]; readonly damage?: ChainError } {
  const pieces: ChainedPiece[] = [];
  try {
    for (const message of messages) pieces.push(chainPiece(pieces.at(-1)?.end ?? from, message));
  } catch (error) {
    if (pieces.length === 0) throw error;
    // What else it may be is met again in the next page.
    if (error instanceof ChainError) return { pieces, damage: error };
  }
  return { pieces };
}

function chainPiece(from: PieceCursor, { position, bytes }: LogMessage): ChainedPiece {
  const place = `piece ${position} of the snapshot`;
  try {
    if (!isBatch(bytes)) throw new RangeError("it is not a batch");
    const header = readBatchHeader(bytes);
    const { id: piece, basis, last, previous } = header;
    if (piece !== undefined && piece === from.piece) return { transactions: [], end: { ...from, position } };
    if (basis !== from.sequence || previous !== from.piece) {
      throw new ChainError(`the piece of the snapshot after ${from.sequence} is missing`);
    }
    const end = { position, sequence: last, piece, pieces: from.pieces + 1 };
    return { transactions: readTransactions(bytes, header), end };
  } catch (error) {
    throw asLogError(error, place);
  }
}
