const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/** The size of the shared buffer. A longer input gets a buffer of its own, which is not kept. */
const keptBytesMax = 256 * 1024;

/** One buffer in three views: bytes to write, words to hash, and numbers. */
export interface HashInput {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  /** The first 64 bytes as 64-bit floating-point numbers. */
  readonly numbers: Float64Array;
}

const kept = allocate(keptBytesMax);

/**
 * Returns a buffer of at least `bytesMin` bytes. The buffer is shared: write and hash within one turn of the event
 * loop.
 */
export function hashInput(bytesMin: number): HashInput {
  return bytesMin > keptBytesMax ? allocate(bytesMin) : kept;
}

function allocate(bytesMin: number): HashInput {
  const { buffer } = Buffer.allocUnsafeSlow(Math.ceil(bytesMin / 16) * 16);
  const numbers = new Float64Array(buffer, 0, Math.min(8, buffer.byteLength / 8));
  return { bytes: Buffer.from(buffer), words: new Int32Array(buffer), numbers };
}

/**
 * Computes MurmurHash3_x86_128 with seed 0 over the first `length` bytes of `words` and stores it in the four words
 * of `hash`. `length` must be a multiple of 16. Words are little-endian, as on every machine that Node supports.
 */
export function murmur3(words: Int32Array, length: number, hash: Int32Array): void {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  for (let index = 0, end = length >> 2; index < end; index += 4) {
    h1 ^= Math.imul(rotate(Math.imul(words[index] as number, c1), 15), c2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(words[index + 1] as number, c2), 16), c3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(words[index + 2] as number, c3), 17), c4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(words[index + 3] as number, c4), 18), c1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = ((h1 ^ length) + h2 + h3 + h4) | 0;
  const f1 = mix(h1);
  const f2 = mix((h2 + h1) | 0);
  const f3 = mix((h3 + h1) | 0);
  const f4 = mix((h4 + h1) | 0);
  const sum = (f1 + f2 + f3 + f4) | 0;
  hash[0] = sum;
  hash[1] = f2 + sum;
  hash[2] = f3 + sum;
  hash[3] = f4 + sum;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
