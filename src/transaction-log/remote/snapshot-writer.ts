import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { encodeBatch } from "../codec/batch.ts";
import { requestIdBytes } from "../codec/request-id.ts";
import type { Transaction, Value } from "../transaction-logger.ts";
import type { RemoteLogDriver } from "./driver.ts";

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

/** What a transaction takes in a piece, at most; numbers are varints. */
function encodedBytesMax({ events, request }: Transaction): number {
  let bytes = 64 + (request instanceof Uint8Array ? request.length : requestIdBytes);
  for (const event of events)
    bytes += 64 + Buffer.byteLength(event.key) + (event.type === "put" ? valueBytes(event.value) : 0);
  return bytes;
}

function valueBytes(value: Value): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}
