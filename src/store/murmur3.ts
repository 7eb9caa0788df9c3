const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/** Longer input gets memory of its own, which is not kept. */
const keptBytesMax = 256 * 1024;

/** The same memory, as bytes to write and as words to hash. */
export interface HashInput {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  /** The first numbers of it. */
  readonly numbers: Float64Array;
}

const kept = allocate(keptBytesMax);

/** Memory for at least `bytesMin` bytes. It is used again: write and hash in one turn of the event loop. */
export function hashInput(bytesMin: number): HashInput {
  return bytesMin > keptBytesMax ? allocate(bytesMin) : kept;
}

function allocate(bytesMin: number): HashInput {
  const { buffer } = Buffer.allocUnsafeSlow(Math.ceil(bytesMin / 16) * 16);
  const numbers = new Float64Array(buffer, 0, Math.min(8, buffer.byteLength / 8));
  return { bytes: Buffer.from(buffer), words: new Int32Array(buffer), numbers };
}

/**
 * MurmurHash3_x86_128 with seed 0 of the first `length` bytes of `words`, a multiple of 16, into the four words of
 * `hash`. Words are little-endian, as on every machine that Node runs on.
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
