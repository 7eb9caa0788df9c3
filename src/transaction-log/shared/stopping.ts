/** What an append that begins late in a stop has at least, in milliseconds. Its caller has 7 s, and the process 10. */
const lateMs = 2_000;

/**
 * Bounds the appends of a process that stops: the callers shall get a response before their connections end. Those that come
 * after an append was given up fail, too, so a log that is only slow must get its time.
 */
export class StoppingBound {
  readonly #stopping: AbortSignal;
  readonly #ms: number;
  /** By the monotonic clock; undefined before the stop. */
  #stoppedAt: number | undefined;

  /** All appends end within `ms` milliseconds after `stopping` has aborted, late ones within 2 s. `closed` frees the bound. */
  constructor(stopping: AbortSignal, ms: number, closed: AbortSignal) {
    this.#stopping = stopping;
    this.#ms = ms;
    const stop = () => {
      this.#stoppedAt = performance.now();
    };
    if (stopping.aborted) stop();
    else stopping.addEventListener("abort", stop, { once: true, signal: closed });
  }

  /** Settles as `work` does, or rejects with `error()` when the time is over; the result of `work` is then dropped. */
  async await<T>(work: Promise<T>, error: () => Error): Promise<T> {
    const stopping = this.#stopping;
    const { promise: overdue, reject } = Promise.withResolvers<never>();
    let timer: NodeJS.Timeout | undefined;
    const start = () => {
      timer = setTimeout(() => reject(error()), this.#leftMs());
    };
    if (stopping.aborted) start();
    else stopping.addEventListener("abort", start, { once: true });
    try {
      return await Promise.race([work, overdue]);
    } finally {
      clearTimeout(timer);
      stopping.removeEventListener("abort", start);
    }
  }

  #leftMs(): number {
    const now = performance.now();
    const left = (this.#stoppedAt ?? now) + this.#ms - now;
    return Math.max(left, Math.min(this.#ms, lateMs));
  }
}
