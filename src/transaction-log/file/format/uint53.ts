const twoTo32 = 2 ** 32;

/** Writes an integer up to 2^53 - 1 as eight bytes, little-endian. */
export function writeUint53(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % twoTo32, offset);
  bytes.writeUInt32LE(Math.floor(value / twoTo32), offset + 4);
}

export function readUint53(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset + 4) * twoTo32 + bytes.readUInt32LE(offset);
}
