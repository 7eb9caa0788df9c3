import BTreeModule from "sorted-btree";
import { fromOrderKey, type OrderKey, toOrderKey } from "./key-order.ts";
import type { KeyRange } from "./key-range.ts";

// The package is CommonJS and its types speak of a default export.
const BTree = BTreeModule.default;

/** Greater than any order key: 0xFFFF comes of no first unit that a string can have. */
const maxOrderKey = "\uffff";

const compare = (a: OrderKey, b: OrderKey) => (a < b ? -1 : a > b ? 1 : 0);

/** The keys of a store, in the byte order of UTF-8. */
export class KeyIndex {
  readonly #keys: InstanceType<typeof BTree<OrderKey, undefined>>;

  constructor(keys = new BTree<OrderKey, undefined>(undefined, compare)) {
    this.#keys = keys;
  }

  add(key: string): void {
    this.#keys.set(toOrderKey(key), undefined);
  }

  delete(key: string): void {
    this.#keys.delete(toOrderKey(key));
  }

  /** Keys of the range, lazily. Ends early, unnoticed, when this index is changed meanwhile. */
  *scan({ start, end }: KeyRange, reverse: boolean): Generator<string, void> {
    const pairs = reverse ? this.#keys.entriesReversed(end, undefined, true) : this.#keys.entries(start);
    for (const [orderKey] of pairs) {
      if (reverse ? orderKey < start : end !== undefined && orderKey >= end) return;
      yield fromOrderKey(orderKey);
    }
  }

  /** How many keys are in the range. */
  count({ start, end }: KeyRange): number {
    if (start === "" && end === undefined) return this.#keys.size;
    // The tree would count backwards.
    if (end !== undefined && end <= start) return 0;
    return this.#keys.forRange(start, end ?? maxOrderKey, false);
  }

  /** A copy that shares everything with this one until either is changed. */
  clone(): KeyIndex {
    return new KeyIndex(this.#keys.clone());
  }
}
