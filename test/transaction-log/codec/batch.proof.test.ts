import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect, it } from "vitest";
import { type Batch, decodeBatch, encodeBatch, isBatch } from "../../../src/transaction-log/codec/batch.ts";
import { UnknownFormatError } from "../../../src/transaction-log/codec/fields.ts";
import { Format1Decoder } from "../../../src/transaction-log/codec/format-1-decoder.ts";
import { decodePiece } from "../../../src/transaction-log/postgres/follow/piece.ts";
import { seed, stride } from "../../support/random.ts";
import { simple, simples } from "../log-model.ts";

const batch: Batch = {
  basis: 40,
  last: 44,
  id: randomUUID(),
  previous: randomUUID(),
  transactions: [simple(41), simple(44)],
};

it("decodes what was encoded, with and without ids and transactions", () => {
  const unknown = { ...batch, id: undefined, previous: undefined };
  const empty = { ...batch, transactions: [] };
  const far = {
    ...batch,
    basis: Number.MAX_SAFE_INTEGER - 3,
    last: Number.MAX_SAFE_INTEGER,
    transactions: [],
  };
  for (const one of [batch, unknown, empty, far, { ...batch, transactions: simples(41, 4) }]) {
    expect(isBatch(encodeBatch(one))).toBe(true);
    expect(decodeBatch(encodeBatch(one))).toEqual(one);
  }
});

it(`is refused whichever byte has whichever other value, also by a decoder of format 1 (seed ${seed})`, () => {
  const bytes = encodeBatch(batch);
  const refuses = (act: () => unknown) =>
    expect(act).toThrow(expect.objectContaining({ reason: "LOG_CORRUPT" }));
  expect(decodePiece({ last: 44, events: bytes }).transactions).toEqual(batch.transactions);
  refuses(() => decodePiece({ last: 45, events: bytes }));
  expect(() => new Format1Decoder(bytes, undefined).decode()).toThrow(RangeError);
  for (let offset = 0; offset < bytes.length; offset++) {
    for (let change = 1 + (seed % stride); change < 256; change += stride) {
      const damaged = Buffer.from(bytes);
      damaged[offset] = (damaged[offset] as number) ^ change;
      let reason = "none";
      try {
        decodePiece({ last: 44, events: damaged });
      } catch (error) {
        ({ reason } = error as { reason: string });
      }
      if (reason !== "LOG_CORRUPT") expect([offset, change, reason]).toEqual([offset, change, "LOG_CORRUPT"]);
    }
    refuses(() => decodePiece({ last: 44, events: bytes.subarray(0, offset) }));
  }
});

it("is refused as newer when its version is, and its checksum is right", () => {
  const bytes = encodeBatch(batch);
  bytes.writeUInt32LE(3, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(20)), 16);
  expect(() => decodeBatch(bytes)).toThrow(UnknownFormatError);
  expect(() => decodePiece({ last: 44, events: bytes })).toThrow(
    expect.objectContaining({ reason: "LOG_VERSION" }),
  );
});
