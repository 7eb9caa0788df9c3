/** A call of a client. If it took effect, it did so between `begin` and `end`. */
export interface Call<Operation> {
  /** What was asked, and what the response said. */
  readonly operation: Operation;
  /** Moments, of which only the order counts. */
  readonly begin: number;
  /** Infinity: there was no response; it takes effect at some later moment, or never. */
  readonly end: number;
}

/** What a correct service with one client does. */
export interface Model<State, Operation> {
  readonly start: State;
  /** The state after the operation; undefined if it cannot have had this response in `state`. */
  readonly apply: (state: State, operation: Operation) => State | undefined;
  /** Equal for equal states. */
  readonly keyOf: (state: State) => string;
}

/**
 * Whether there is an order of the calls in which each has its response, and which has no call before one that had ended
 * when it began: the algorithm of Wing and Gong, with the memory of Lowe. Its time can be exponential in the number of
 * calls at the same time.
 */
export function isLinearizable<State, Operation>(
  { start, apply, keyOf }: Model<State, Operation>,
  calls: readonly Call<Operation>[],
): boolean {
  const sorted = calls.toSorted((one, other) => one.begin - other.begin);
  const visited = new Set<string>();
  const canEnd = (done: bigint, state: State): boolean => {
    const left = [...sorted.entries()].filter(([index]) => ((done >> BigInt(index)) & 1n) === 0n);
    const firstEnd = Math.min(...left.map(([, { end }]) => end));
    if (firstEnd === Number.POSITIVE_INFINITY) return true;
    const place = `${done} ${keyOf(state)}`;
    if (visited.has(place)) return false;
    visited.add(place);
    return left.some(([index, { begin, operation }]) => {
      if (begin > firstEnd) return false;
      const next = apply(state, operation);
      return next !== undefined && canEnd(done | (1n << BigInt(index)), next);
    });
  };
  return canEnd(0n, start);
}
