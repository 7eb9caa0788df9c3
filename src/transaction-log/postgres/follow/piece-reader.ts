import type { Transaction } from "../../transaction-logger.ts";
import type { Position } from "./history.ts";
import { corrupt, type DecodedPiece, decodePiece, type Piece } from "./piece.ts";

/** Decodes pieces in order and checks that they are one chain of batches, from which no transaction is missing. */
export class PieceReader {
  readonly #after: number;
  /** Transactions up to it may be missing. */
  readonly #horizon: number;
  #sequence: number;
  #position: number;
  /** The piece before; undefined at first. */
  #before: DecodedPiece | undefined;

  /** The first transaction is the one after `after`, which may be in the middle of a piece. */
  constructor(after: number, horizon: number) {
    this.#after = after;
    this.#horizon = horizon;
    this.#sequence = after;
    this.#position = after;
  }

  /** The next piece begins after this sequence. */
  get position(): number {
    return this.#position;
  }

  /** Id of the batch that ends there; undefined when it is not known. */
  get batch(): string | undefined {
    return this.#before?.id;
  }

  /** The transactions in these pieces. Throws LOG_CORRUPT and LOG_VERSION. */
  add(pieces: readonly Piece[]): Transaction[] {
    return pieces.flatMap((piece) => this.#add(decodePiece(piece)));
  }

  /** Throws LOG_CORRUPT unless everything up to `last` was added. */
  expectEnd({ sequence, batch }: Position): void {
    this.#expectComplete(sequence);
    if (this.batch !== undefined && sequence === this.#position && batch !== this.batch) {
      throw corrupt(`batch ${batch} ends at ${sequence}, but the row there contains batch ${this.batch}`);
    }
  }

  #add(piece: DecodedPiece): Transaction[] {
    const { last } = piece;
    this.#expectNext(piece);
    const transactions = piece.transactions.filter(({ sequence }) => sequence > this.#after);
    for (const { sequence } of transactions) {
      const expected = Math.max(this.#sequence, this.#horizon) + 1;
      if (sequence > expected || sequence <= this.#sequence) throw missing(expected);
      this.#sequence = sequence;
    }
    if (this.#sequence > last) {
      throw corrupt(`the row of transaction ${last} contains transaction ${this.#sequence}`);
    }
    this.#expectComplete(last);
    this.#position = last;
    this.#before = piece;
    return transactions;
  }

  #expectNext({ basis, last, previous }: DecodedPiece): void {
    if (basis === undefined) return;
    const before = this.#before;
    const isNext =
      before?.basis === undefined
        ? // The first one may begin earlier, and 0.1 left no rows without transactions behind a compaction.
          basis <= Math.max(this.#position, this.#horizon) &&
          (before === undefined || basis >= this.#position)
        : basis === this.#position;
    if (!isNext) throw corrupt(`no row ends at ${basis}, where the row of transaction ${last} begins`);
    if (before?.id !== undefined && previous !== undefined && previous !== before.id) {
      throw corrupt(`the row of transaction ${last} follows batch ${previous}, not ${before.id}`);
    }
  }

  #expectComplete(last: number): void {
    if (last > Math.max(this.#sequence, this.#horizon)) throw missing(this.#sequence + 1);
  }
}

function missing(sequence: number): Error {
  return corrupt(`transaction ${sequence} is missing`);
}
