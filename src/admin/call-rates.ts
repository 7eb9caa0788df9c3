/** The interval between samples in milliseconds, and the number of intervals that the rates cover. */
const intervalMs = 1000;
const intervals = 10;

interface Sample {
  /** The time of the monotonic clock, in milliseconds. */
  readonly time: number;
  readonly counts: Float64Array;
}

export interface Rates {
  readonly callsPerSecond: number;
  /** The duration that 99 % of the calls do not exceed, estimated from a histogram; 0 without calls. */
  readonly p99Seconds: number;
}

/**
 * The rate and duration of the calls of the last 10 seconds, from differences of a cumulative histogram. A call costs
 * nothing extra.
 */
export class CallRates {
  readonly #bounds: readonly number[];
  readonly #counts: () => Float64Array;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  /**
   * `counts` returns the histogram: the number of calls by bucket. `bounds` are the upper bounds of the buckets in
   * seconds; one more bucket is +Inf.
   */
  constructor(bounds: readonly number[], counts: () => Float64Array) {
    this.#bounds = bounds;
    this.#counts = counts;
    this.sample();
    this.#timer = setInterval(() => this.sample(), intervalMs).unref();
  }

  sample(): void {
    this.#samples.push({ time: performance.now(), counts: this.#counts() });
    if (this.#samples.length > intervals + 1) this.#samples.shift();
  }

  read(): Rates {
    const { time, counts } = this.#samples[0] as Sample;
    const recent = this.#counts().map((count, bucket) => count - (counts[bucket] as number));
    const calls = recent.reduce((sum, count) => sum + count, 0);
    const seconds = (performance.now() - time) / 1000;
    return { callsPerSecond: calls / Math.max(seconds, 1), p99Seconds: this.#quantile(recent, calls * 0.99) };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** The duration that `rank` calls do not exceed, by linear interpolation within a bucket. */
  #quantile(counts: Float64Array, rank: number): number {
    let below = 0;
    let lower = 0;
    for (const [bucket, upper] of this.#bounds.entries()) {
      const count = counts[bucket] as number;
      if (count > 0 && below + count >= rank) return lower + ((upper - lower) * (rank - below)) / count;
      below += count;
      lower = upper;
    }
    return below === 0 && rank === 0 ? 0 : lower;
  }
}
