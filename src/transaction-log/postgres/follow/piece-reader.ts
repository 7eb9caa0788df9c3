import type { Transaction } from "../../transaction-logger.ts";
import { corrupt, decodePiece, type Piece } from "./piece.ts";

/** Decodes pieces in order and checks that no transaction is missing. */
export class PieceReader {
  readonly #after: number;
  /** Transactions up to it may be missing. */
  readonly #horizon: number;
  #sequence: number;
  #position: number;

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

  /** The transactions in these pieces. Throws LOG_CORRUPT. */
  add(pieces: readonly Piece[]): Transaction[] {
    return pieces.flatMap((piece) => this.#add(piece));
  }

  /** Throws LOG_CORRUPT unless everything up to `last` was added. */
  expectEnd(last: number): void {
    if (last > Math.max(this.#sequence, this.#horizon)) throw missing(this.#sequence + 1);
  }

  #add(piece: Piece): Transaction[] {
    const transactions = decodePiece(piece).filter(({ sequence }) => sequence > this.#after);
    for (const { sequence } of transactions) {
      const expected = Math.max(this.#sequence, this.#horizon) + 1;
      if (sequence > expected || sequence <= this.#sequence) throw missing(expected);
      this.#sequence = sequence;
    }
    if (this.#sequence > piece.last)
      throw corrupt(`the row of transaction ${piece.last} contains transaction ${this.#sequence}`);
    this.expectEnd(piece.last);
    this.#position = piece.last;
    return transactions;
  }
}

function missing(sequence: number): Error {
  return corrupt(`transaction ${sequence} is missing`);
}
