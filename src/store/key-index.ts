import BTreeModule from "sorted-btree";
import { fromOrderKey, type OrderKey, toOrderKey } from "./key-order.ts";
import { afterKey, beforeKey, type KeyRange } from "./key-range.ts";

// The package is CommonJS, but its types declare a default export.
const BTree = BTreeModule.default;

/** A node of the tree, which the package does not export. Its version is exact, and a test compares with scans. */
interface Node {
  /** Of a leaf its keys, of another node the greatest key of each child. */
  readonly keys: readonly OrderKey[];
  readonly children?: readonly Node[];
  size(): number;
}

const compare = (a: OrderKey, b: OrderKey) => (a < b ? -1 : a > b ? 1 : 0);

/** An ordered set of keys, in the byte order of UTF-8. */
export class KeyIndex {
  readonly #keys = new BTree<OrderKey, undefined>(undefined, compare);

  add(key: string): void {
    this.#keys.set(toOrderKey(key), undefined);
  }

  delete(key: string): void {
    this.#keys.delete(toOrderKey(key));
  }

  /** The keys of the range. Lazy: if the index changes during the scan, the scan ends early and without an error. */
  *scan({ start, end }: KeyRange, reverse: boolean): Generator<string, void> {
    const pairs = reverse ? this.#keys.entriesReversed(end, undefined, true) : this.#keys.entries(start);
    for (const [orderKey] of pairs) {
      if (reverse ? orderKey < start : end !== undefined && orderKey >= end) return;
      yield fromOrderKey(orderKey);
    }
  }

  /** The number of keys in the range. Takes the same short time for any range. */
  count({ start, end }: KeyRange): number {
    return Math.max(0, (end === undefined ? this.#keys.size : this.#rank(end)) - this.#rank(start));
  }

  /** The number of keys before this one. The tree itself would walk through all of them. */
  #rank(orderKey: OrderKey): number {
    let { _root: node } = this.#keys as unknown as { readonly _root: Node };
    for (let rank = 0; ; ) {
      const index = lowerBound(node.keys, orderKey);
      const { children } = node;
      if (children === undefined) return rank + index;
      for (const before of children.slice(0, index)) rank += before.size();
      const next = children[index];
      if (next === undefined) return rank;
      node = next;
    }
  }
}

/** The index of the first key that is not before this one. */
function lowerBound(keys: readonly OrderKey[], orderKey: OrderKey): number {
  const index = keys.findIndex((key) => key >= orderKey);
  return index === -1 ? keys.length : index;
}

/** The number of keys that one slice takes from an index, which must not change while a slice is read. */
const sliceLengthMax = 64;

/**
 * The keys that two scans of a range yield together, in order, each once. In short slices: what is scanned may change between
 * them, so that the caller can let others have their turn.
 */
export function* keySlices(
  range: KeyRange,
  reverse: boolean,
  scanSome: (range: KeyRange) => Iterator<string>,
  scanOthers: (range: KeyRange) => Iterator<string>,
): Generator<readonly string[], void> {
  // Many callers want the first key alone.
  for (let rest = range, length = 1; ; length = Math.min(2 * length, sliceLengthMax)) {
    const keys: string[] = [];
    for (const key of mergeKeys(scanSome(rest), scanOthers(rest), reverse)) {
      keys.push(key);
      if (keys.length === length) break;
    }
    yield keys;
    const last = keys.at(-1);
    if (last === undefined || keys.length < length) return;
    rest = reverse ? beforeKey(rest, last) : afterKey(rest, last);
  }
}

/** Merges two sequences of keys that are in key order. Each key is returned once. */
function* mergeKeys(
  some: Iterator<string>,
  others: Iterator<string>,
  reverse: boolean,
): Generator<string, void> {
  let one = some.next();
  let other = others.next();
  while (one.done !== true && other.done !== true) {
    const order = compare(toOrderKey(one.value), toOrderKey(other.value));
    const difference = reverse ? -order : order;
    yield difference <= 0 ? one.value : other.value;
    if (difference <= 0) one = some.next();
    if (difference >= 0) other = others.next();
  }
  for (; one.done !== true; one = some.next()) yield one.value;
  for (; other.done !== true; other = others.next()) yield other.value;
}
