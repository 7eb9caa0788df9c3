import { DuetError } from "../errors.ts";
import type { CallRate } from "./identity.ts";

/** A token bucket: it fills at the rate of calls, up to the burst. */
interface Bucket {
  tokens: number;
  /** When that was, in milliseconds. */
  time: number;
  /** Of the last call. */
  rate: CallRate;
}

const bucketsMax = 10_000;
/** How many buckets a new caller looks at for one that is full. */
const looksMax = 8;

/**
 * Limits how often each caller may call. Only a caller that has been idle long enough is forgotten: its bucket is full. While
 * 10,000 callers are not idle, all new ones have one bucket together.
 */
export class RateLimiter {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();
  #others: Bucket | undefined;
  #refused = 0;

  /** `now`: a monotonic clock, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Calls that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts a call. Throws RATE_LIMITED, with the time after which the next one may come. */
  take(caller: string, rate: CallRate): void {
    const { callsPerSecond } = rate;
    const now = this.#now();
    const bucket = this.#buckets.get(caller) ?? this.#bucketOfNew(caller, rate, now);
    bucket.tokens = tokensAt(now, bucket, rate);
    bucket.time = now;
    bucket.rate = rate;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return;
    }
    this.#refused++;
    const waitMs = Math.ceil(((1 - bucket.tokens) / callsPerSecond) * 1000);
    throw new DuetError("RATE_LIMITED", `the policy allows ${callsPerSecond} calls per second`, {
      metadata: { retry_after_ms: String(waitMs) },
    });
  }

  #bucketOfNew(caller: string, rate: CallRate, now: number): Bucket {
    const full: Bucket = { tokens: rate.burst, time: now, rate };
    if (this.#buckets.size >= bucketsMax && !this.#forget(now)) return (this.#others ??= full);
    this.#buckets.set(caller, full);
    return full;
  }

  /** Forgets a caller whose bucket is full. Returns false when there is none among those that were not looked at for longest. */
  #forget(now: number): boolean {
    let looks = 0;
    for (const [caller, bucket] of this.#buckets) {
      this.#buckets.delete(caller);
      if (tokensAt(now, bucket, bucket.rate) >= bucket.rate.burst) return true;
      this.#buckets.set(caller, bucket);
      if (++looks === looksMax) return false;
    }
    return false;
  }
}

function tokensAt(now: number, { tokens, time }: Bucket, { callsPerSecond, burst }: CallRate): number {
  return Math.min(burst, tokens + ((now - time) / 1000) * callsPerSecond);
}
