import { DuetError } from "../errors.ts";
import type { CallRate } from "./identity.ts";

/** A token bucket: it fills at the rate of calls, up to the burst. */
interface Bucket {
  tokens: number;
  /** When that was, in milliseconds. */
  time: number;
}

const bucketsMax = 10_000;

/** Limits how often each caller may call. A caller that has been idle long enough is forgotten: its bucket would be full. */
export class RateLimiter {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();
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
  take(caller: string, { callsPerSecond, burst }: CallRate): void {
    const now = this.#now();
    let bucket = this.#buckets.get(caller);
    if (bucket === undefined) {
      if (this.#buckets.size >= bucketsMax) this.#forget();
      bucket = { tokens: burst, time: now };
      this.#buckets.set(caller, bucket);
    }
    const filled = bucket.tokens + ((now - bucket.time) / 1000) * callsPerSecond;
    bucket.tokens = Math.min(burst, filled);
    bucket.time = now;
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

  /** Makes room: the bucket that was made first is the most likely to be full again. */
  #forget(): void {
    this.#buckets.delete(this.#buckets.keys().next().value as string);
  }
}
