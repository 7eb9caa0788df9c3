/** Keys are measured with 16 bits. */
export const keyBytesLimit = 2 ** 16 - 1;

/** Up to this length a loop is faster than a call of Node's encoder. */
const loopMax = 64;

/** The key that is being searched, as bytes of UTF-8. One object is used again and again, so that a search allocates nothing. */
export class SearchKey {
  readonly bytes: Buffer;
  readonly #words: Int32Array;
  length = 0;
  /** Whether the key is known to have only ASCII characters. */
  isAscii = false;
  #hash = 0;
  #isHashed = false;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(keyBytesLimit + 1);
    this.#words = new Int32Array(this.bytes.buffer);
  }

  /** Throws a RangeError if the text has more than `keyBytesLimit` bytes. */
  setText(text: string): void {
    this.#isHashed = false;
    const { length } = text;
    this.isAscii = length <= loopMax && this.#setAscii(text);
    if (this.isAscii) return;
    // A UTF-16 unit takes up to three bytes.
    if (length * 3 > keyBytesLimit && Buffer.byteLength(text) > keyBytesLimit) throw tooLong();
    this.length = this.bytes.write(text, 0, "utf8");
    this.isAscii = this.length === length;
  }

  setBytes(bytes: Uint8Array): void {
    this.#isHashed = false;
    if (bytes.length > keyBytesLimit) throw tooLong();
    this.bytes.set(bytes);
    this.length = bytes.length;
    this.isAscii = false;
  }

  /** Copies the key of a record from the bytes of its slab. */
  copyFrom(source: Uint8Array, start: number, length: number): void {
    this.#isHashed = false;
    for (let index = 0; index < length; index++) this.bytes[index] = source[start + index] as number;
    this.length = length;
    this.isAscii = false;
  }

  /**
   * MurmurHash3_x86_32 of the key. The seed is secret, so that clients cannot choose keys with the same hash. It must always be
   * the same one.
   */
  hash(seed: number): number {
    if (!this.#isHashed) {
      this.#hash = this.#computeHash(seed);
      this.#isHashed = true;
    }
    return this.#hash;
  }

  #computeHash(seed: number): number {
    const { length } = this;
    const words = this.#words;
    const whole = length >>> 2;
    let hash = seed;
    for (let index = 0; index < whole; index++) {
      hash ^= scramble(words[index] as number);
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
    }
    const tail = length & 3;
    if (tail > 0) hash ^= scramble((words[whole] as number) & ((1 << (8 * tail)) - 1));
    hash ^= length;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  /** See `headAt`. */
  head(skip: number): number {
    return headAt(this.bytes, skip, this.length);
  }

  #setAscii(text: string): boolean {
    const { bytes } = this;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[index] = unit;
    }
    this.length = text.length;
    return true;
  }
}

/**
 * Four bytes of a key as a signed number: smaller heads are smaller keys. Bytes past `end` count as 0, so keys with the
 * same head may differ.
 */
export function headAt(bytes: Uint8Array, start: number, end: number): number {
  const a = start < end ? (bytes[start] as number) : 0;
  const b = start + 1 < end ? (bytes[start + 1] as number) : 0;
  const c = start + 2 < end ? (bytes[start + 2] as number) : 0;
  const d = start + 3 < end ? (bytes[start + 3] as number) : 0;
  return ((a << 24) | (b << 16) | (c << 8) | d) ^ -0x80000000;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function tooLong(): RangeError {
  return new RangeError(`a key has at most ${keyBytesLimit} bytes`);
}
