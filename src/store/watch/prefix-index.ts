import { randomInt } from "node:crypto";

/**
 * Multiplier of the hash of a prefix: h = (h * multiplier + unit) mod 2^32. It is random, so that clients cannot
 * choose prefixes that collide.
 */
const multiplier = 2 * randomInt(2 ** 30) + 1;

interface Bucket<Item> {
  readonly prefix: string;
  readonly items: Set<Item>;
}

/**
 * Finds the items whose prefix a key begins with. One pass over the key computes the hash of each of its prefixes,
 * and looks up those whose length some stored prefix has.
 */
export class PrefixIndex<Item> {
  readonly #buckets = new Map<number, Bucket<Item>[]>();
  /** The number of prefixes of each length. */
  readonly #counts = new Map<number, number>();
  /** The lengths of all prefixes, ascending. */
  readonly #lengths: number[] = [];

  add(prefix: string, item: Item): void {
    const hash = hashOf(prefix);
    const buckets = this.#buckets.get(hash) ?? [];
    const bucket = buckets.find((each) => each.prefix === prefix);
    if (bucket !== undefined) {
      bucket.items.add(item);
      return;
    }
    buckets.push({ prefix, items: new Set([item]) });
    this.#buckets.set(hash, buckets);
    this.#count(prefix.length, 1);
  }

  delete(prefix: string, item: Item): void {
    const hash = hashOf(prefix);
    const buckets = this.#buckets.get(hash) ?? [];
    const index = buckets.findIndex((each) => each.prefix === prefix);
    const bucket = buckets[index];
    if (bucket === undefined || !bucket.items.delete(item) || bucket.items.size > 0) return;
    buckets.splice(index, 1);
    if (buckets.length === 0) this.#buckets.delete(hash);
    this.#count(prefix.length, -1);
  }

  *matching(key: string): Generator<Item, void> {
    const lengths = this.#lengths;
    let hash = 0;
    let unit = 0;
    for (const length of lengths) {
      if (length > key.length) return;
      for (; unit < length; unit++) hash = (Math.imul(hash, multiplier) + key.charCodeAt(unit)) | 0;
      const buckets = this.#buckets.get(hash);
      if (buckets === undefined) continue;
      for (const { prefix, items } of buckets) {
        if (prefix.length === length && key.slice(0, length) === prefix) yield* items;
      }
    }
  }

  #count(length: number, difference: number): void {
    const count = (this.#counts.get(length) ?? 0) + difference;
    const place = this.#lengths.findIndex((each) => each >= length);
    if (count === 0) {
      this.#counts.delete(length);
      this.#lengths.splice(place, 1);
    } else {
      if (count === difference) this.#lengths.splice(place === -1 ? this.#lengths.length : place, 0, length);
      this.#counts.set(length, count);
    }
  }
}

function hashOf(prefix: string): number {
  let hash = 0;
  for (let unit = 0; unit < prefix.length; unit++) {
    hash = (Math.imul(hash, multiplier) + prefix.charCodeAt(unit)) | 0;
  }
  return hash;
}
