import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { encodeBatch, isBatch, readBatchHeader, readTransactions } from "../codec/batch.ts";
import type { Transaction, Value } from "../transaction-logger.ts";
import { asLogError, ChainError } from "./chain.ts";
import { type LogMessage, lagMs, type RemoteLogDriver } from "./driver.ts";

/** The most bytes of a piece with more than one transaction. One alone was a batch before, or part of one. */
const pieceBytes = 256 * 1024;

/** Writes a snapshot in pieces, which are a chain of batches. Keep it out of the head until `end` has resolved. */
export class SnapshotWriter {
  readonly id = randomUUID();
  readonly #driver: RemoteLogDriver;
  #transactions: Transaction[] = [];
  #bytes = 0;
  #basis = 0;
  #previous: string | undefined;
  #pieces = 0;

  constructor(driver: RemoteLogDriver) {
    this.#driver = driver;
  }

  /** Adds a transaction, in order of sequence. Rejects with the driver's error. */
  async add(transaction: Transaction): Promise<void> {
    const bytes = encodedBytesMax(transaction);
    const newest = this.#transactions.at(-1);
    if (newest !== undefined && this.#bytes + bytes > pieceBytes) await this.#put(newest.sequence);
    this.#transactions.push(transaction);
    this.#bytes += bytes;
  }

  /** Writes the last piece, which ends at `horizon`. Resolves with the number of pieces. */
  async end(horizon: number): Promise<number> {
    await this.#put(horizon);
    return this.#pieces;
  }

  async #put(last: number): Promise<void> {
    const piece = { basis: this.#basis, last, id: randomUUID(), previous: this.#previous };
    const began = performance.now();
    await this.#driver.putPiece(this.id, encodeBatch({ ...piece, transactions: this.#transactions }));
    this.#transactions = [];
    this.#bytes = 0;
    this.#basis = last;
    this.#previous = piece.id;
    this.#pieces++;
    // Half of the time belongs to the appends.
    await delay(performance.now() - began);
  }
}

/**
 * Yields the transactions of a snapshot that ends at `horizon`, a piece at a time. Rejects with ChainError when pieces
 * are missing or damaged, with LOG_VERSION, and with the driver's error.
 */
export async function* readSnapshot(
  driver: RemoteLogDriver,
  snapshot: { readonly id: string; readonly pieces: number },
  horizon: number,
): AsyncGenerator<readonly Transaction[]> {
  let position = 0;
  let basis = 0;
  let previous: string | undefined;
  let until = performance.now() + lagMs;
  for (let pieces = 0; pieces < snapshot.pieces; ) {
    const messages = await driver.readPieces(snapshot.id, position);
    for (const message of messages) {
      const { header, transactions } = decodePiece(message);
      ({ position } = message);
      // Written again because its confirmation was lost.
      if (header.id === previous) continue;
      if (header.basis !== basis || header.previous !== previous) {
        throw new ChainError(`the piece of the snapshot after ${basis} is missing`);
      }
      basis = header.last;
      previous = header.id;
      if (++pieces === snapshot.pieces && basis !== horizon) {
        throw new ChainError(`the snapshot ends at ${basis}, not at ${horizon}`);
      }
      yield transactions;
      if (pieces === snapshot.pieces) return;
    }
    if (messages.length > 0) {
      until = performance.now() + lagMs;
    } else if (performance.now() < until) {
      await delay(20);
    } else {
      throw new ChainError(`the snapshot has ${pieces} of ${snapshot.pieces} pieces`);
    }
  }
}

function decodePiece({ position, bytes }: LogMessage) {
  try {
    if (!isBatch(bytes)) throw new RangeError("it is not a batch");
    const header = readBatchHeader(bytes);
    return { header, transactions: readTransactions(bytes, header) };
  } catch (error) {
    throw asLogError(error, `piece ${position} of the snapshot`);
  }
}

/** Says that a snapshot cannot be read, or passes another error on. */
export function asSnapshotError(error: unknown, copies: string): unknown {
  if (!(error instanceof ChainError)) return error;
  return new DuetError("LOG_CORRUPT", `the log is damaged: ${error.message}; its copies are on ${copies}`);
}

/** What a transaction takes in a piece, at most; numbers are varints. */
function encodedBytesMax({ events, request }: Transaction): number {
  let bytes = 64 + (request?.length ?? 0);
  for (const event of events)
    bytes += 64 + Buffer.byteLength(event.key) + (event.type === "put" ? valueBytes(event.value) : 0);
  return bytes;
}

function valueBytes(value: Value): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}
