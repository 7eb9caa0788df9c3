import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Allocator } from "../../../src/store/memory/allocator.ts";
import { type RecordEntry, Records } from "../../../src/store/memory/records.ts";
import { headAt, keyBytesLimit, SearchKey } from "../../../src/store/memory/search-key.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { writeRecord } from "../../../src/store/memory/write-record.ts";
import { seed } from "../../support/random.ts";
import { anyCharacter, unicodeKey } from "../unicode-keys.ts";

const slabs = reserveSlabs(1);
const allocator = new Allocator(slabs);
const records = new Records(slabs);
const key = new SearchKey();

function write(entry: RecordEntry) {
  key.setText(entry.key);
  return writeRecord(slabs, allocator, key, entry);
}

const plain: RecordEntry = {
  key: "key",
  value: "value",
  revision: 1,
  createRevision: 1,
  version: 1,
  updateTime: 1_700_000_000_000,
  expireTime: 0,
};

const number48 = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1),
);
const value = fc.oneof(
  unicodeKey,
  fc.string({ maxLength: 100 }),
  fc.string({ unit: anyCharacter, maxLength: 100 }),
  fc.uint8Array({ maxLength: 100 }),
  fc.constantFrom("", new Uint8Array(0), "x".repeat(100_000), "é".repeat(30_000)),
);

test(`reads what was written (seed ${seed})`, () => {
  const numbers = { revision: number48, createRevision: number48, version: number48, updateTime: number48 };
  const entry = fc.record({ key: unicodeKey, value, ...numbers, expireTime: number48 });
  fc.assert(
    fc.property(entry, (written) => {
      const ref = write(written);
      expect(records.entry(ref)).toEqual(written);
      expect(records.entry(ref, written.key)).toEqual(written);
      expect(records.key(ref)).toBe(written.key);
      expect([records.revision(ref), records.expireTime(ref)]).toEqual([
        written.revision,
        written.expireTime,
      ]);
      allocator.free(ref);
    }),
    { seed, numRuns: 500 },
  );
});

test("a binary value is a copy", () => {
  const ref = write({ ...plain, value: Uint8Array.of(1, 2, 3) });
  const copy = records.value(ref) as Uint8Array;
  copy[0] = 9;
  expect(records.value(ref)).toEqual(Uint8Array.of(1, 2, 3));
  expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
});

test(`compares keys as bytes of UTF-8 (seed ${seed})`, () => {
  fc.assert(
    fc.property(unicodeKey, unicodeKey, fc.nat(20), (one, other, length) => {
      const [bytes, otherBytes] = [Buffer.from(one), Buffer.from(other)];
      const [ref, otherRef] = [
        write({ ...plain, key: one, expireTime: length % 2 }),
        write({ ...plain, key: other }),
      ];
      let common = 0;
      while (common < Math.min(bytes.length, otherBytes.length) && bytes[common] === otherBytes[common])
        common++;
      expect(records.commonPrefix(ref, otherRef)).toBe(common);

      key.setText(other);
      const order = Buffer.compare(otherBytes, bytes);
      expect(Math.sign(records.compare(key, ref, 0))).toBe(order);
      expect(Math.sign(records.compare(key, ref, common))).toBe(order);
      const head = Math.sign(key.head(common) - records.head(ref, common));
      if (head !== 0) expect(head).toBe(order);

      const prefix = bytes.subarray(0, length);
      const start = otherBytes.subarray(0, prefix.length);
      expect(Math.sign(records.comparePrefix(key, ref, prefix.length))).toBe(Buffer.compare(start, prefix));
      records.copyKey(ref, key);
      expect(records.compare(key, ref, 0)).toBe(0);
      allocator.free(ref);
      allocator.free(otherRef);
    }),
    { seed, numRuns: 500 },
  );
});

test("a head has the order of its four bytes, and 0 after the end", () => {
  const bytes = Buffer.from([0x00, 0x7f, 0x80, 0xff, 0x01]);
  expect(headAt(bytes, 5, 5)).toBe(-(2 ** 31));
  expect(headAt(bytes, 3, 5)).toBe(0xff010000 - 2 ** 31);
  expect(headAt(bytes, 1, 5)).toBe(0x7f80ff01 - 2 ** 31);
});

test("takes keys of all lengths up to the limit", () => {
  for (const text of [
    "k".repeat(64),
    "k".repeat(65),
    "é".repeat(40),
    "k".repeat(keyBytesLimit),
    "漢".repeat(21_845),
  ]) {
    const ref = write({ ...plain, key: text });
    expect(records.key(ref)).toBe(text);
    allocator.free(ref);
  }
  expect(() => key.setText("k".repeat(keyBytesLimit + 1))).toThrow("at most 65535 bytes");
  expect(() => key.setText("漢".repeat(21_846))).toThrow(RangeError);
  expect(() => key.setBytes(new Uint8Array(keyBytesLimit + 1))).toThrow(RangeError);
});
