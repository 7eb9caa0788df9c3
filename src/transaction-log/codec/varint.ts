/** Eight varint bytes hold 56 bits. */
export const varintBytesMax = 8;

/**
 * Writes a number with seven bits a byte, the lowest first; the top bit means that more bytes follow. Returns the
 * offset after the number.
 */
export function writeVarint(bytes: Uint8Array, value: number, offset: number): number {
  if (value > 0x7fffffff) {
    // Bitwise operators work on 32 bits, and `%` is slow for larger numbers.
    const high = Math.floor(value / 2 ** 28);
    const low = value - high * 2 ** 28;
    bytes[offset++] = low | 128;
    bytes[offset++] = (low >>> 7) | 128;
    bytes[offset++] = (low >>> 14) | 128;
    bytes[offset++] = (low >>> 21) | 128;
    value = high;
  }
  while (value > 127) {
    bytes[offset++] = (value & 127) | 128;
    value >>>= 7;
  }
  bytes[offset++] = value;
  return offset;
}

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let limit = 128; value >= limit; limit *= 128) bytes++;
  return bytes;
}
