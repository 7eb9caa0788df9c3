import { type OrderKey, prefixEnd, toOrderKey } from "./key-order.ts";

/** Keys from `start` (inclusive) to `end` (exclusive); undefined `end`: to the last key. */
export interface KeyRange {
  readonly start: OrderKey;
  readonly end: OrderKey | undefined;
}

/** All keys that begin with `prefix`; empty: all keys. */
export function prefixRange(prefix: string): KeyRange {
  const start = toOrderKey(prefix);
  return { start, end: prefixEnd(start) };
}

/** Keys from `start` to `end`; empty: unbounded. */
export function keyRange(start: string, end: string): KeyRange {
  return { start: toOrderKey(start), end: end === "" ? undefined : toOrderKey(end) };
}

/** What of the range comes after `key`. Keys have no NUL, so there is none between the two. */
export function afterKey({ start, end }: KeyRange, key: string): KeyRange {
  return { start: later(start, `${toOrderKey(key)}\0`), end };
}

/** What of the range comes before `key`. */
export function beforeKey({ start, end }: KeyRange, key: string): KeyRange {
  return { start, end: earlier(end, toOrderKey(key)) };
}

/** No key at all. */
export const emptyRange: KeyRange = { start: "", end: "" };

/** What of the range a scan passes after the keys that begin with `prefix`; undefined: nothing. */
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
