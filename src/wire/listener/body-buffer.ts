import type { Exchange } from "../call/exchange.ts";

/** The least by which a buffer grows, and about what an object of its own costs. */
const growthBytesMin = 128;

/**
 * Collects the parts of a request body in one buffer, which grows by doubling: however small the parts are, they cost no
 * more than twice their bytes. All of the buffer counts as held by the exchange.
 */
export class BodyBuffer {
  readonly #exchange: Pick<Exchange, "hold">;
  readonly #bytesMax: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** `bytesMax`: how long the body may be, as far as that is known. The buffer does not grow beyond it on its own. */
  constructor(exchange: Pick<Exchange, "hold">, bytesMax: number) {
    this.#exchange = exchange;
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** What was collected, valid until the next call of a method. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** How many bytes of the exchange the buffer holds. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Copies `bytes[start, end)` to the end. False, with nothing copied, when there is no room for it in the budgets. */
  append(bytes: Buffer, start: number, end: number): boolean {
    const length = this.#length + end - start;
    if (length > this.#bytes.length && !this.#grow(length)) return false;
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
    return true;
  }

  /** All that was collected. The buffer is empty afterwards; what it held stays held. */
  take(): Buffer {
    const body = this.bytes;
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return body;
  }

  #grow(length: number): boolean {
    const current = this.#bytes.length;
    const capacity = Math.max(length, Math.min(2 * current + growthBytesMin, this.#bytesMax));
    // Before the copy: what is over the budget must not cost memory for a moment either.
    if (!this.#exchange.hold(capacity - current)) return false;
    const larger = Buffer.allocUnsafe(capacity);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return true;
  }
}
