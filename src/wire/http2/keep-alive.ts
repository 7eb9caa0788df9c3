import type { Http2Limits } from "./limits.ts";

/**
 * Finds peers that have vanished (RFC 9113, section 6.7): TCP alone would notice only after many minutes. A
 * connection that has been silent gets a PING; any byte that arrives afterwards is a sign of life.
 */
export class KeepAlive {
  readonly #limits: Http2Limits;
  #heard = true;
  #heardAt = 0;
  #pingedAt: number | undefined = undefined;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  /** Bytes have arrived. */
  heard(): void {
    this.#heard = true;
  }

  /** Says what is due. */
  sweep(now: number): "ping" | "dead" | undefined {
    if (this.#heard) {
      this.#heard = false;
      this.#heardAt = now;
      this.#pingedAt = undefined;
      return undefined;
    }
    if (this.#pingedAt !== undefined) {
      return now - this.#pingedAt >= this.#limits.pingTimeoutMs ? "dead" : undefined;
    }
    if (now - this.#heardAt < this.#limits.pingIntervalMs) return undefined;
    this.#pingedAt = now;
    return "ping";
  }
}
