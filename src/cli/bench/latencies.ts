/** Buckets of each power of two: a percentile is at most 1/32 too high. */
const bucketsPerOctave = 32;
/** In milliseconds; shorter ones count as this. */
const lowestMs = 0.01;
/** From 0.01 ms to about 168 s. */
const octaves = 24;

export const shares = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, "p99.9": 0.999 } as const;

/** Counts latencies in buckets whose size grows with the latency. Memory does not grow with the count. */
export class Latencies {
  readonly #counts = new Float64Array(octaves * bucketsPerOctave);
  count = 0;
  maxMs = 0;
  #sumMs = 0;

  get meanMs(): number {
    return this.count === 0 ? 0 : this.#sumMs / this.count;
  }

  record(ms: number): void {
    const bucket = Math.floor(Math.log2(Math.max(ms, lowestMs) / lowestMs) * bucketsPerOctave);
    const index = Math.min(bucket, this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.count++;
    this.#sumMs += ms;
    this.maxMs = Math.max(this.maxMs, ms);
  }

  /** The latency in milliseconds that this share of the calls did not exceed; 0 without calls. */
  percentileMs(share: number): number {
    let left = Math.ceil(this.count * share);
    if (left === 0) return 0;
    const bucket = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return Math.min(upperMs((bucket + 1) / bucketsPerOctave), this.maxMs);
  }

  /** The calls by powers of two of their latency, without the empty ends. */
  octaves(): readonly { readonly toMs: number; readonly count: number }[] {
    const rows = Array.from({ length: octaves }, (_, octave) => ({
      toMs: upperMs(octave + 1),
      count: this.#counts
        .subarray(octave * bucketsPerOctave, (octave + 1) * bucketsPerOctave)
        .reduce((sum, each) => sum + each, 0),
    }));
    const first = rows.findIndex(({ count }) => count > 0);
    return first === -1 ? [] : rows.slice(first, rows.findLastIndex(({ count }) => count > 0) + 1);
  }
}

function upperMs(octave: number): number {
  return lowestMs * 2 ** octave;
}
