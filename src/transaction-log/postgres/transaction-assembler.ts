import { DuetError } from "../../duet-error.ts";
import type { Transaction, TransactionEvent } from "../transaction-logger.ts";
import { decodeRow, type EventRow } from "./event-rows.ts";

/** Puts rows, in order, together to transactions, and refuses to skip anything. */
export class TransactionAssembler {
  /** Rows at or before it may be missing. */
  readonly #horizon: number;
  #sequence: number;
  #position = 0x7fff_ffff;
  #time = 0;
  #events: TransactionEvent[] = [];

  /** The first row is the one after the transaction `after`. */
  constructor(after: number, horizon: number) {
    this.#sequence = after;
    this.#horizon = horizon;
  }

  /** The last row that was added: the next page begins after it. */
  get sequence(): number {
    return this.#sequence;
  }

  get position(): number {
    return this.#position;
  }

  /** The transactions that these rows complete; the last one may still lack events. Throws LOG_CORRUPT. */
  add(rows: readonly EventRow[]): Transaction[] {
    const complete: Transaction[] = [];
    for (const row of rows) {
      const sequence = Number(row[0]);
      if (sequence !== this.#sequence) {
        this.#expectNext(sequence);
        complete.push(...this.finish());
        this.#sequence = sequence;
        this.#position = -1;
        this.#time = Number(row[3]);
      }
      const position = row[1];
      if (position <= this.#position || (position !== this.#position + 1 && sequence > this.#horizon)) {
        throw corrupt(`event ${this.#position + 1} of transaction ${sequence} is missing`);
      }
      this.#position = position;
      this.#events.push(decodeRow(row));
    }
    return complete;
  }

  /** The last transaction, which is now known to be complete. */
  finish(): Transaction[] {
    if (this.#events.length === 0) return [];
    const transaction = { sequence: this.#sequence, time: this.#time, events: this.#events };
    this.#events = [];
    this.#position = 0x7fff_ffff;
    return [transaction];
  }

  /** Throws LOG_CORRUPT unless everything up to `last` was added. */
  expectEnd(last: number): void {
    if (last > Math.max(this.#sequence, this.#horizon)) {
      throw corrupt(`transaction ${this.#sequence + 1} is missing`);
    }
  }

  #expectNext(sequence: number): void {
    const expected = Math.max(this.#sequence, this.#horizon) + 1;
    if (sequence > expected || sequence < this.#sequence) {
      throw corrupt(`transaction ${expected} is missing`);
    }
  }
}

function corrupt(what: string): DuetError {
  return new DuetError("LOG_CORRUPT", `the log in the database is damaged: ${what}`);
}
