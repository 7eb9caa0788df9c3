import type { Range } from "./kv.ts";

/** The fields of a ListRequest that choose these keys. */
export interface ListRange {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
}

/** The keys of a range below a prefix. */
export function toListRange(scope: string, range: Exclude<Range, { key: string }>): ListRange {
  if ("prefix" in range) return { prefix: scope + range.prefix };
  if (range.start === undefined && range.end === undefined) return { prefix: scope };
  const end = range.end === undefined ? successor(scope) : scope + range.end;
  return { start: scope + (range.start ?? ""), ...(end !== undefined && { end }) };
}

/**
 * The first string, in the order of UTF-8 bytes, after all that begin with the prefix: its last code point grows by one.
 * Undefined if there is none.
 */
function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // Surrogates are not code points of their own.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

/** The order of the service: that of code points, which differs from that of UTF-16 where surrogates meet U+E000 to U+FFFF. */
export function compareUtf8(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  // Of a pair that differs in its second half, both halves are surrogates.
  return (one.codePointAt(at) ?? -1) - (other.codePointAt(at) ?? -1);
}
