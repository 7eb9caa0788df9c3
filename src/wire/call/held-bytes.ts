import type { Exchange } from "./exchange.ts";

/** Bytes that count until they are released together, or until the exchange is over. */
export class HeldBytes {
  readonly exchange: Exchange;
  #bytes = 0;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  /** See Exchange. */
  hold(bytes: number): boolean {
    if (!this.exchange.hold(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  release(): void {
    this.exchange.release(this.#bytes);
    this.#bytes = 0;
  }
}
