import { setTimeout as delay } from "node:timers/promises";

/** Wakes one waiter. A ring without a waiter ends the next wait at once. */
export class Doorbell {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  /** Resolves when it is rung, after `ms`, or when `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const timer = new AbortController();
    const stop = () => timer.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await Promise.race([this.#rung.promise, delay(ms, undefined, { signal: timer.signal })]);
    } catch (error) {
      if (!timer.signal.aborted) throw error;
    } finally {
      stop();
      signal.removeEventListener("abort", stop);
      this.#rung = Promise.withResolvers<void>();
    }
  }
}
