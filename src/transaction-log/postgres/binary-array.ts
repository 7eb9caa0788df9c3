/**
 * PostgreSQL's binary form of a one-dimensional array, which spares the server a parse and us the escaping:
 *
 *     int32 dimensions (1) | int32 has nulls | int32 element type | int32 length | int32 lower bound (1)
 *     then each element: int32 byte length, or -1 for null | bytes
 */
const headerBytes = 20;

/** https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat */
const types = { bytea: 17, int8: 20, text: 25 } as const;

/** A `bigint[]` of whole numbers up to 2^53 - 1. */
export function encodeIntegers(values: readonly number[]): Buffer {
  const array = allocate(types.int8, values.length, values.length * 12, false);
  let offset = headerBytes;
  for (const value of values) {
    array.writeInt32BE(8, offset);
    array.writeInt32BE(Math.floor(value / 0x1_0000_0000), offset + 4);
    array.writeUInt32BE(value % 0x1_0000_0000, offset + 8);
    offset += 12;
  }
  return array;
}

/** A `text[]`. */
export function encodeTexts(values: readonly (string | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)));
  return encodeElements(types.text, lengths, (array, index, offset) => {
    array.write(values[index] as string, offset);
  });
}

/** A `bytea[]`. */
export function encodeBytes(values: readonly (Uint8Array | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? -1 : value.length));
  return encodeElements(types.bytea, lengths, (array, index, offset) => {
    array.set(values[index] as Uint8Array, offset);
  });
}

function encodeElements(
  type: number,
  lengths: readonly number[],
  write: (array: Buffer, index: number, offset: number) => void,
): Buffer {
  let bytes = 0;
  for (const length of lengths) bytes += 4 + Math.max(length, 0);
  const array = allocate(type, lengths.length, bytes, lengths.includes(-1));
  let offset = headerBytes;
  lengths.forEach((length, index) => {
    array.writeInt32BE(length, offset);
    offset += 4;
    if (length <= 0) return;
    write(array, index, offset);
    offset += length;
  });
  return array;
}

function allocate(type: number, length: number, bytes: number, nulls: boolean): Buffer {
  const array = Buffer.allocUnsafe(headerBytes + bytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(nulls ? 1 : 0, 4);
  array.writeInt32BE(type, 8);
  array.writeInt32BE(length, 12);
  array.writeInt32BE(1, 16);
  return array;
}
