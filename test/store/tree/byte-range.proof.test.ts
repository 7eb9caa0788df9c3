import * as fc from "fast-check";
import { expect, test } from "vitest";
import { toOrderKey } from "../../../src/store/key-order.ts";
import { afterKey, beforeKey, type KeyRange, keyRange, prefixRange } from "../../../src/store/key-range.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import { rounds, seed } from "../../support/random.ts";
import { keyPart, unicodeKey } from "../unicode-keys.ts";

/** Whether the range as bytes has the same keys. */
function expectSameKeys(range: KeyRange, keys: readonly string[]): void {
  const { start, end } = toByteRange(range);
  const isInBytes = (key: string) => {
    const bytes = Buffer.from(key);
    return Buffer.compare(bytes, start) >= 0 && (end === undefined || Buffer.compare(bytes, end) < 0);
  };
  const isIn = (key: string) => {
    const orderKey = toOrderKey(key);
    return orderKey >= range.start && (range.end === undefined || orderKey < range.end);
  };
  expect(keys.filter(isInBytes)).toEqual(keys.filter(isIn));
}

test(`a range as bytes has the same keys (seed ${seed})`, () => {
  const keys = fc.array(unicodeKey, { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(keys, keyPart, keyPart, (all, start, end) => {
      const some = [...all, start, end, `${start}${all[0]}`, `${start}\u{10ffff}`, `${end}\uffff`].filter(
        Boolean,
      );
      const [first] = all as [string];
      for (const range of [prefixRange(start), prefixRange(first), keyRange(start, end)]) {
        expectSameKeys(range, some);
        expectSameKeys(afterKey(range, first), some);
        expectSameKeys(beforeKey(range, first), some);
      }
    }),
    { seed, numRuns: 250 * rounds },
  );
});

test("the range of a prefix ends after its last pair of surrogates", () => {
  const keys = [
    "a",
    "a\ud7ff",
    "a\ue000",
    "a\uffff",
    "a\u{10000}",
    "a\u{103ff}",
    "a\u{10400}",
    "a\u{10ffff}",
    "b",
  ];
  for (const prefix of [...keys, "\u{10ffff}"]) {
    const inRange = keys.flatMap((key) => [key, `${key}x`, `${prefix}${key}`]);
    expectSameKeys(prefixRange(prefix), inRange);
  }
});
