import { expect, test } from "vitest";
import { ByteReader } from "../../../src/transaction-log/codec/byte-reader.ts";
import { varintBytes, varintBytesMax, writeVarint } from "../../../src/transaction-log/codec/varint.ts";
import { createRandom, seed } from "../../support/random.ts";

/** Seven bits a byte, by arithmetic without a limit of 32 or 53 bits. */
function expectedBytes(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

test(`a number is written in seven bits a byte, and read again (seed ${seed})`, () => {
  const random = createRandom(seed);
  const edges = Array.from({ length: 53 }, (_, bits) => 2 ** bits).flatMap((edge) => [
    edge - 1,
    edge,
    edge + 1,
  ]);
  const others = Array.from({ length: 2000 }, () =>
    Math.floor(random.below(2 ** 30) * 2 ** random.below(24)),
  );
  for (const value of [...edges, ...others, Date.UTC(9999, 11, 31), Number.MAX_SAFE_INTEGER]) {
    const bytes = Buffer.alloc(varintBytesMax + 2);
    const end = writeVarint(bytes, value, 1);
    expect([...bytes.subarray(1, end)]).toEqual(expectedBytes(value));
    expect(varintBytes(value)).toBe(end - 1);
    expect(new ByteReader(bytes.subarray(1, end)).number()).toBe(value);
  }
});
