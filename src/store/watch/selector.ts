import { toOrderKey } from "../key-order.ts";
import { type KeyRange, prefixRange } from "../key-range.ts";
import { textBytes } from "../text.ts";

/** One key, all keys that begin with a prefix, or a union of both. */
export type Selector = { readonly key: string } | { readonly prefix: string } | SelectorUnion;

/** Made by `unite`: keys and prefixes are sorted, and no key is selected twice. */
export interface SelectorUnion {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
}

/**
 * Selects the given keys and all keys that begin with one of the prefixes. Without keys and prefixes it selects every
 * key.
 */
export function unite(keys: readonly string[], prefixes: readonly string[]): Selector {
  if (keys.length + prefixes.length === 0) return { prefix: "" };
  const shortest: string[] = [];
  for (const prefix of prefixes.toSorted()) {
    const last = shortest.at(-1);
    if (last === undefined || !prefix.startsWith(last)) shortest.push(prefix);
  }
  const others = [...new Set(keys)].filter((key) => !beginsWithOne(shortest, key)).toSorted();
  const [key] = others;
  const [prefix] = shortest;
  if (key !== undefined && others.length === 1 && prefix === undefined) return { key };
  if (prefix !== undefined && shortest.length === 1 && key === undefined) return { prefix };
  return { keys: others, prefixes: shortest };
}

/** The keys and prefixes of a selector. */
export function partsOf(selector: Selector): SelectorUnion {
  if ("keys" in selector) return selector;
  return "key" in selector
    ? { keys: [selector.key], prefixes: [] }
    : { keys: [], prefixes: [selector.prefix] };
}

/**
 * Bytes of memory that a watched key or prefix takes in addition to its text: its slot in the index and the set of
 * its topics. Measured.
 */
const partOverheadBytes = 320;

/**
 * Bytes of memory that a watch takes for this selector. Its text is in memory twice: as it is, and in the name of the
 * topic.
 */
export function selectorBytes(selector: Selector): number {
  const { keys, prefixes } = partsOf(selector);
  let bytes = 0;
  for (const part of keys) bytes += partOverheadBytes + 2 * textBytes(part);
  for (const part of prefixes) bytes += partOverheadBytes + 2 * textBytes(part);
  return bytes;
}

/** Returns a function that tells whether the selector selects a key. */
export function createMatcher(selector: Selector): (key: string) => boolean {
  if ("key" in selector) return (key) => key === selector.key;
  if ("prefix" in selector) return (key) => key.startsWith(selector.prefix);
  const keys = new Set(selector.keys);
  return (key) => keys.has(key) || beginsWithOne(selector.prefixes, key);
}

/** The ranges of the selected keys, in key order and without overlap. */
export function rangesOf(selector: Selector): KeyRange[] {
  const { keys, prefixes } = partsOf(selector);
  const single = keys.map(toOrderKey).map((start) => ({ start, end: `${start}\0` }));
  return [...single, ...prefixes.map(prefixRange)].toSorted((a, b) => (a.start < b.start ? -1 : 1));
}

/** Whether the key begins with one of the prefixes. They must be sorted, and none may begin with another. */
function beginsWithOne(prefixes: readonly string[], key: string): boolean {
  let low = 0;
  let high = prefixes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((prefixes[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  // Only the last prefix that sorts at or before the key can match.
  return low > 0 && key.startsWith(prefixes[low - 1] as string);
}
