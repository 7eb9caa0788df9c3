import BTreeModule from "sorted-btree";

// The package is CommonJS, but its types declare a default export.
const BTree = BTreeModule.default;

type Expiry = readonly [expireTime: number, key: string];

const compare = ([timeA, keyA]: Expiry, [timeB, keyB]: Expiry) =>
  timeA - timeB || (keyA < keyB ? -1 : keyA > keyB ? 1 : 0);

/** The keys that have a time to live, ordered by expire time. */
export class ExpiryIndex {
  readonly #expiries = new BTree<Expiry, undefined>(undefined, compare);

  add(expireTime: number, key: string): void {
    this.#expiries.set([expireTime, key], undefined);
  }

  delete(expireTime: number, key: string): void {
    this.#expiries.delete([expireTime, key]);
  }

  /** At most `limit` keys that have expired at `now`, those with the oldest expire time first. */
  expired(now: number, limit: number): readonly string[] {
    const keys: string[] = [];
    for (const [[expireTime, key]] of this.#expiries.entries()) {
      if (expireTime > now || keys.length === limit) break;
      keys.push(key);
    }
    return keys;
  }
}
