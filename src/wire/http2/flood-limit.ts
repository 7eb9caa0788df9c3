import { ConnectionError } from "./connection-error.ts";

/**
 * A leaky bucket for frames that cost the peer nothing and us something (RFC 9113, section 10.5): resets, those that a
 * peer provokes, SETTINGS, PING, PRIORITY, empty DATA, frames on closed streams and of unknown types.
 */
export class FloodLimit {
  readonly #burst: number;
  readonly #perMillisecond: number;
  #count = 0;
  #drainedAt = performance.now();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMillisecond = perSecond / 1000;
  }

  /** Counts one frame. Throws ConnectionError when there were too many. */
  count(): void {
    if (++this.#count <= this.#burst) return;
    const now = performance.now();
    this.#count = Math.max(0, this.#count - (now - this.#drainedAt) * this.#perMillisecond);
    this.#drainedAt = now;
    if (this.#count > this.#burst) throw new ConnectionError("flood", "too many control frames or resets");
  }
}
