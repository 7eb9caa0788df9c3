/** Reads lines and pieces of known length from chunks. Rejects when the chunks end too early. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * Reads up to the next LF and returns the text before it as Latin-1, without a CR at its end. Rejects when it is
   * longer than `bytesMax`.
   */
  async line(bytesMax: number): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(10);
      if ((end === -1 ? this.#rest.length : end) > bytesMax)
        throw new Error(`a line is longer than ${bytesMax} bytes`);
      if (end !== -1) {
        const line = this.#rest.toString("latin1", 0, end).replace(/\r$/, "");
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    }
  }

  /** Reads exactly `length` bytes. */
  async bytes(length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) throw new Error("the connection ended early");
      pieces.push(piece);
      missing -= piece.length;
    }
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  /** Reads the next available bytes, at least one and at most `lengthMax`; undefined at the end. */
  async some(lengthMax: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, lengthMax);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#chunks.next();
    if (done === true) throw new Error("the connection ended early");
    return value;
  }
}
