/**
 * Keys are ordered by their UTF-8 bytes. JavaScript compares strings by UTF-16 code units, which differs in one place:
 * surrogates (0xD800–0xDFFF, for characters beyond U+FFFF) sort before 0xE000–0xFFFF, in UTF-8 after them. An order
 * key swaps those two ranges, so that the native comparison of order keys is the order of UTF-8.
 */
export type OrderKey = string;

const outOfOrder = /[\ud800-\uffff]/;

/** Converts a key, or a prefix of keys, to its order key. Usually that is the same string. */
export function toOrderKey(key: string): OrderKey {
  return outOfOrder.test(key)
    ? mapUnits(key, (unit) => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000))
    : key;
}

/** Converts an order key back to its key. */
export function fromOrderKey(orderKey: OrderKey): string {
  return outOfOrder.test(orderKey)
    ? mapUnits(orderKey, (unit) => (unit >= 0xf800 ? unit - 0x2000 : unit + 0x800))
    : orderKey;
}

/** The first order key after all those that begin with `prefix`; undefined when there is no such key. */
export function prefixEnd(prefix: OrderKey): OrderKey | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const unit = prefix.charCodeAt(length - 1);
    if (unit < 0xffff) return prefix.slice(0, length - 1) + String.fromCharCode(unit + 1);
  }
  return undefined;
}

function mapUnits(text: string, map: (unit: number) => number): string {
  const units = new Uint16Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    units[index] = unit < 0xd800 ? unit : map(unit);
  }
  return Buffer.from(units.buffer).toString("utf16le");
}
