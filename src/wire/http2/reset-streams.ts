const remembered = 1024;

/**
 * The streams that the server closed last, before the client had sent everything. Frames of theirs that were on the way
 * are ignored (RFC 9113, section 5.1, "closed").
 */
export class ResetStreams {
  /** A ring; made with the first. */
  #ids: Uint32Array | undefined = undefined;
  #next = 0;

  add(id: number): void {
    this.#ids ??= new Uint32Array(remembered);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % remembered;
  }

  has(id: number): boolean {
    return this.#ids?.includes(id) ?? false;
  }
}
