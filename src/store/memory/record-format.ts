/**
 * A record is one entry: a header of 32 bytes, then the key and the value. It begins at a unit of 8 bytes.
 *
 *     word 0   length of the value in bytes
 *     word 1   length of the key in bytes (low 16 bits), flags (high 16 bits)
 *     word 2   revision, low 32 bits
 *     word 3   createRevision, low 32 bits
 *     word 4   revision, high 16 bits in the low half; createRevision, high 16 bits in the high half
 *     word 5   updateTime, low 32 bits
 *     word 6   updateTime, high 16 bits in the low half; version, high 16 bits in the high half
 *     word 7   version, low 32 bits
 *     word 8   expireTime, low and
 *     word 9   high 32 bits; only with the flag `expires`
 *     then     key, value: UTF-8 or the bytes of a binary value
 *
 * Revisions, versions and times have 48 bits.
 */
export const headerBytes = 32;

export const expireTimeBytes = 8;

/** The value is binary. */
export const binaryFlag = 1;
/** Its value is a quarter of `expireTimeBytes`, which saves a branch where the key is located. */
export const expiresFlag = 2;
/** The key has only ASCII characters, so that it can be decoded as Latin-1, which is faster. */
export const asciiKeyFlag = 4;
/** The value has only ASCII characters. */
export const asciiValueFlag = 8;

/** The bytes of a record with a key and a value of so many bytes. */
export function recordBytes(keyBytes: number, valueBytes: number, expires: boolean): number {
  return headerBytes + (expires ? expireTimeBytes : 0) + keyBytes + valueBytes;
}

/** The high bits of a number of up to 53 bits. */
export function highBits(value: number): number {
  return Math.floor(value / 2 ** 32);
}
