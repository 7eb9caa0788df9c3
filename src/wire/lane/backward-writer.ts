/**
 * Writes protobuf from the end to the beginning: the length of a nested message is known once its content stands, and
 * nothing is measured twice or moved. One buffer is reused for all messages; what is finished is copied out.
 */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  /** Everything from here to the end is written. */
  #start = this.#buffer.length;

  /** Bytes written since `begin`. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  begin(): void {
    this.#start = this.#buffer.length;
  }

  /** A copy of what was written. */
  finish(): Buffer {
    const result = Buffer.allocUnsafe(this.length);
    this.#buffer.copy(result, 0, this.#start);
    // One large answer must not hold its memory for ever.
    if (this.#buffer.length > 1024 * 1024) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024);
    return result;
  }

  /** A whole number up to Number.MAX_SAFE_INTEGER; a negative one is two's complement of 64 bits. */
  varint(value: number): void {
    if (value < 0) return this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
    if (value < 0x80) {
      this.#reserve(1);
      this.#buffer[this.#start] = value;
      return;
    }
    let bytes = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
    this.#reserve(bytes);
    let offset = this.#start;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[offset++] = (rest % 0x80) | 0x80;
    this.#buffer[offset] = rest;
  }

  int64(value: bigint): void {
    const number = Number(value);
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) this.varint(number);
    else this.#bigVarint(BigInt.asUintN(64, value));
  }

  /** UTF-8 with its length before it. */
  string(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#reserve(bytes);
    this.#buffer.write(text, this.#start, "utf8");
    this.varint(bytes);
  }

  /** Bytes with their length before them. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#start);
    this.varint(bytes.length);
  }

  #bigVarint(value: bigint): void {
    const septets: number[] = [];
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) septets.push(Number(rest & 0x7fn) | 0x80);
    septets.push(Number(rest));
    this.#reserve(septets.length);
    this.#buffer.set(septets, this.#start);
  }

  #reserve(bytes: number): void {
    if (bytes > this.#start) this.#grow(bytes);
    this.#start -= bytes;
  }

  #grow(bytes: number): void {
    const { length } = this;
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length + bytes + 1)) * 2);
    this.#buffer.copy(larger, larger.length - length, this.#start);
    this.#buffer = larger;
    this.#start = larger.length - length;
  }
}
