/** Buffers of one size that are used again and again. */
class BufferPool {
  readonly #bytes: number;
  readonly #kept: number;
  readonly #free: Buffer[] = [];

  constructor(bytes: number, kept: number) {
    this.#bytes = bytes;
    this.#kept = kept;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  putBack(buffer: Buffer): void {
    if (this.#free.length < this.#kept) this.#free.push(buffer);
  }
}

/** Room for the responses to one chunk of small requests. */
export const writeBufferBytes = 256 * 1024;

/** In these frames are written. */
export const writeBuffers = new BufferPool(writeBufferBytes, 16);

/** What most turns of a connection have to send. */
export const smallBufferBytes = 16 * 1024;

/**
 * Small output is copied into these before it goes to the socket: when thousands of connections write in one turn, as for
 * watches, each holds one of them and not a large one until its write has finished.
 */
export const smallBuffers = new BufferPool(smallBufferBytes, 256);
