/** The sequences that this logger appended itself; its followers leave them out. */
export class OwnAppends {
  /** In order, without adjacent ranges. */
  readonly #ranges: { readonly first: number; last: number }[] = [];
  #pending: { readonly basis: number; readonly settled: Promise<void> } | undefined;

  /** Called before an append is sent. Call the returned function once, with whether the batch is in the log. */
  begin(basis: number, last: number): (appended: boolean) => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const pending = { basis, settled: promise };
    this.#pending = pending;
    return (appended) => {
      if (appended) this.#add(basis + 1, last);
      if (this.#pending === pending) this.#pending = undefined;
      resolve();
    };
  }

  /** Resolves when no append with a sequence up to `sequence` is pending. */
  async settled(sequence: number): Promise<void> {
    while (this.#pending !== undefined && sequence > this.#pending.basis) await this.#pending.settled;
  }

  includes(sequence: number): boolean {
    return this.skip(sequence - 1) >= sequence;
  }

  /** The end of the range of own transactions right after `sequence`; `sequence` when there is none. */
  skip(sequence: number): number {
    const range = this.#ranges.findLast(({ first }) => first <= sequence + 1);
    return range === undefined ? sequence : Math.max(sequence, range.last);
  }

  /** Forgets the ranges up to `sequence`: no follower needs them. */
  forget(sequence: number): void {
    while ((this.#ranges[0]?.last ?? Number.POSITIVE_INFINITY) <= sequence) this.#ranges.shift();
  }

  #add(first: number, last: number): void {
    const newest = this.#ranges.at(-1);
    if (newest !== undefined && newest.last + 1 === first) newest.last = last;
    else this.#ranges.push({ first, last });
  }
}
