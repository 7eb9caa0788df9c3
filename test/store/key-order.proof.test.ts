import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromOrderKey, prefixEnd, toOrderKey } from "../../src/store/key-order.ts";
import { rounds, seed, stride } from "../support/random.ts";
import { compareUtf8, keyPart, unicodeKey } from "./unicode-keys.ts";

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const runs = { seed, numRuns: 50 * rounds };

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
  for (let point = 2 + (seed % stride); point <= 0x10ffff; point += stride) {
    if (point >= 0xd800 && point <= 0xe000) continue;
    const [before, orderKey] = [point - 1, point].map((each) => toOrderKey(String.fromCodePoint(each)));
    if (!((before as string) < (orderKey as string))) outOfOrder.push(point);
  }
  expect(toOrderKey("\ud7ff") < toOrderKey("\ue000")).toBe(true);
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
