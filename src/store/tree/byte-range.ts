import { fromOrderKey, type OrderKey } from "../key-order.ts";
import type { KeyRange } from "../key-range.ts";

/** The keys from `start` (inclusive) to `end` (exclusive), as bytes of UTF-8. If `end` is undefined, there is no upper bound. */
export interface ByteRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

/** Greater than all bytes of UTF-8. */
const afterUtf8 = 0xff;

/** The same range of keys as bytes. */
export function toByteRange({ start, end }: KeyRange): ByteRange {
  return { start: toBytes(start), end: end === undefined ? undefined : toBytes(end) };
}

/**
 * The end of a range of prefixes is the prefix with its last UTF-16 unit plus one. That can be half of a surrogate pair,
 * which has no bytes of its own: a high one stands before all its pairs, a low one after all pairs of the one before.
 */
function toBytes(orderKey: OrderKey): Uint8Array {
  const key = fromOrderKey(orderKey);
  if (key.isWellFormed()) return Buffer.from(key);
  const last = key.charCodeAt(key.length - 1);
  if (last < 0xdc00) return Buffer.from(`${key}\udc00`);
  return Buffer.concat([Buffer.from(key.slice(0, -1)), Buffer.of(afterUtf8)]);
}
