import { type KeyRange, prefixRange, toOrderKey } from "../database.ts";

/**
 * The keys that prefixes allow, without those that other prefixes deny: ranges in key order that neither overlap nor touch.
 * Looking up a key or a range takes a few comparisons of strings, however many prefixes there are.
 */
export class KeySet {
  readonly #ranges: readonly KeyRange[];

  constructor(allowed: readonly string[], denied: readonly string[]) {
    this.#ranges = subtract(unite(allowed), unite(denied));
  }

  has(key: string): boolean {
    const orderKey = toOrderKey(key);
    const range = this.#lastBefore(orderKey);
    return range !== undefined && (range.end === undefined || orderKey < range.end);
  }

  /** Whether every key of the range is in the set. */
  covers({ start, end }: KeyRange): boolean {
    if (isEmpty({ start, end })) return true;
    const range = this.#lastBefore(start);
    if (range === undefined) return false;
    return range.end === undefined || (end !== undefined && end <= range.end);
  }

  /** The parts of a range that are not in the set, in key order. */
  *gaps({ start, end }: KeyRange): Generator<KeyRange, void> {
    let from = start;
    for (const range of this.#ranges) {
      if (range.end !== undefined && range.end <= from) continue;
      if (end !== undefined && range.start >= end) break;
      if (from < range.start) yield { start: from, end: range.start };
      if (range.end === undefined) return;
      from = range.end;
    }
    if (end === undefined || from < end) yield { start: from, end };
  }

  /** The last range that begins at `orderKey` or before it. */
  #lastBefore(orderKey: string): KeyRange | undefined {
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle] as KeyRange).start <= orderKey) low = middle + 1;
      else high = middle;
    }
    return ranges[low - 1];
  }
}

/** The ranges of the prefixes; those that overlap or touch become one. */
function unite(prefixes: readonly string[]): KeyRange[] {
  const sorted = prefixes.map(prefixRange).toSorted((a, b) => (a.start < b.start ? -1 : 1));
  const united: { start: string; end: string | undefined }[] = [];
  for (const { start, end } of sorted) {
    const last = united.at(-1);
    if (last === undefined || (last.end !== undefined && last.end < start)) united.push({ start, end });
    else if (last.end !== undefined && (end === undefined || last.end < end)) last.end = end;
  }
  return united;
}

/** What is left of `ranges` without `holes`; both are sorted and do not overlap. */
function subtract(ranges: readonly KeyRange[], holes: readonly KeyRange[]): KeyRange[] {
  const rest: KeyRange[] = [];
  let next = 0;
  for (const range of ranges) {
    let from = range.start;
    while (next < holes.length && ends(holes[next] as KeyRange, from)) next++;
    let isOver = false;
    for (let at = next; at < holes.length && !isOver; at++) {
      const hole = holes[at] as KeyRange;
      if (range.end !== undefined && hole.start >= range.end) break;
      if (from < hole.start) rest.push({ start: from, end: hole.start });
      if (hole.end === undefined) isOver = true;
      else from = hole.end;
    }
    if (!isOver && !isEmpty({ start: from, end: range.end })) rest.push({ start: from, end: range.end });
  }
  return rest;
}

function ends({ end }: KeyRange, before: string): boolean {
  return end !== undefined && end <= before;
}

function isEmpty({ start, end }: KeyRange): boolean {
  return end !== undefined && end <= start;
}
