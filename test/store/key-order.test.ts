import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromOrderKey, prefixEnd, toOrderKey } from "../../src/store/key-order.ts";
import { rounds, seed } from "../support/random.ts";
import { compareUtf8, keyPart, unicodeKey } from "./unicode-keys.ts";

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const runs = { seed, numRuns: 300 * rounds };

test(`orders like the bytes of UTF-8 (seed ${seed})`, () => {
  fc.assert(
    fc.property(keyPart, keyPart, (a, b) => {
      expect(compare(toOrderKey(a), toOrderKey(b))).toBe(Math.sign(compareUtf8(a, b)));
    }),
    runs,
  );
});

test("orders every pair of neighbouring code points", () => {
  const outOfOrder: number[] = [];
  let before = toOrderKey("\u0001");
  for (let point = 2; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const orderKey = toOrderKey(String.fromCodePoint(point));
    if (!(before < orderKey)) outOfOrder.push(point);
    before = orderKey;
  }
  expect(outOfOrder).toEqual([]);
});

test(`gives back the key (seed ${seed})`, () => {
  fc.assert(
    fc.property(keyPart, (key) => {
      expect(fromOrderKey(toOrderKey(key))).toBe(key);
    }),
    runs,
  );
});

test(`ends a prefix right after the last key that begins with it (seed ${seed})`, () => {
  fc.assert(
    fc.property(unicodeKey, keyPart, unicodeKey, (prefix, rest, other) => {
      const end = prefixEnd(toOrderKey(prefix)) as string;
      for (const key of [prefix, prefix + rest, other]) {
        const orderKey = toOrderKey(key);
        expect(orderKey >= toOrderKey(prefix) && orderKey < end).toBe(key.startsWith(prefix));
      }
    }),
    runs,
  );
});
