/** How often calls are counted, in milliseconds, and over how many of these intervals the rates go. */
const intervalMs = 1000;
const intervals = 10;

interface Sample {
  /** Of the monotonic clock, in milliseconds. */
  readonly time: number;
  readonly counts: Float64Array;
}

export interface Rates {
  readonly callsPerSecond: number;
  /** 99 % of the calls took no longer, estimated from a histogram; 0 without calls. */
  readonly p99Seconds: number;
}

/**
 * Rate and duration of the calls of the last 10 seconds, from a histogram that only grows. Calls themselves cost
 * nothing more.
 */
export class CallRates {
  readonly #bounds: readonly number[];
  readonly #counts: () => Float64Array;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  /** `counts`: how many calls there were, by the first of the `bounds` (seconds) that they did not exceed, and beyond. */
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

  /** The duration that `rank` calls do not exceed, as if the durations within a bucket were spread evenly. */
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
