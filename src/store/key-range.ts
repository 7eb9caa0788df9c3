import { type OrderKey, prefixEnd, toOrderKey } from "./key-order.ts";

/** The keys from `start` (inclusive) to `end` (exclusive). If `end` is undefined, the range has no upper bound. */
export interface KeyRange {
  readonly start: OrderKey;
  readonly end: OrderKey | undefined;
}

/** All keys that begin with `prefix`. The empty prefix selects all keys. */
export function prefixRange(prefix: string): KeyRange {
  const start = toOrderKey(prefix);
  return { start, end: prefixEnd(start) };
}

/** The keys from `start` to `end`. An empty string means no bound. */
export function keyRange(start: string, end: string): KeyRange {
  return { start: toOrderKey(start), end: end === "" ? undefined : toOrderKey(end) };
}

/**
 * The part of the range after `key`, which is in the range. Keys contain no NUL, so no key lies between `key` and
 * `key` with NUL appended.
 */
export function afterKey({ start, end }: KeyRange, key: string): KeyRange {
  return { start: later(start, `${toOrderKey(key)}\0`), end };
}

/** The part of the range before `key`, which is in the range. */
export function beforeKey({ start, end }: KeyRange, key: string): KeyRange {
  return { start, end: earlier(end, toOrderKey(key)) };
}

/** The range without keys. */
export const emptyRange: KeyRange = { start: "", end: "" };

/**
 * The part of the range that a scan reaches after the keys that begin with `prefix`; undefined when nothing is left.
 */
export function beyondPrefix(range: KeyRange, prefix: string, reverse: boolean): KeyRange | undefined {
  const { start, end } = prefixRange(prefix);
  if (reverse) return { start: range.start, end: earlier(range.end, start) };
  return end === undefined ? undefined : { start: later(range.start, end), end: range.end };
}

// A key that is no part of the range must not make it longer: page tokens, which clients could forge, have one.

function later(start: OrderKey, other: OrderKey): OrderKey {
  return start < other ? other : start;
}

function earlier(end: OrderKey | undefined, other: OrderKey): OrderKey {
  return end === undefined || other < end ? other : end;
}
