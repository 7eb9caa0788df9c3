import type { Cursor } from "./chain.ts";

interface Range {
  readonly from: Cursor;
  to: Cursor;
}

/** The batches that this logger appended itself; its followers leave them out. */
export class OwnAppends {
  /** In order, without adjacent ranges. */
  readonly #ranges: Range[] = [];
  #pending: { readonly basis: number; readonly settled: Promise<void> } | undefined;

  /** Called before an append. Call the returned function once, with the end of the batch if it is in the log. */
  begin(from: Cursor): (to?: Cursor) => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const pending = { basis: from.sequence, settled: promise };
    this.#pending = pending;
    return (to) => {
      if (to !== undefined) this.#add(from, to);
      if (this.#pending === pending) this.#pending = undefined;
      resolve();
    };
  }

  /** Resolves when no append with a sequence up to `sequence` is pending. */
  async settled(sequence: number): Promise<void> {
    while (this.#pending !== undefined && sequence > this.#pending.basis) await this.#pending.settled;
  }

  includes(sequence: number): boolean {
    return this.#ranges.some(({ from, to }) => from.sequence < sequence && sequence <= to.sequence);
  }

  /** The end of the own batches right after `cursor`; `cursor` when there is none. */
  skip(cursor: Cursor): Cursor {
    const range = this.#ranges.findLast(({ from }) => from.position <= cursor.position);
    return range !== undefined && range.to.position > cursor.position ? range.to : cursor;
  }

  /** Forgets the batches up to `cursor`: no follower needs them. */
  forget(position: number): void {
    while ((this.#ranges[0]?.to.position ?? Number.POSITIVE_INFINITY) <= position) this.#ranges.shift();
  }

  #add(from: Cursor, to: Cursor): void {
    const newest = this.#ranges.at(-1);
    if (newest !== undefined && newest.to.position === from.position) newest.to = to;
    else this.#ranges.push({ from, to });
  }
}
