import type { Allocator } from "../memory/allocator.ts";
import type { Records } from "../memory/records.ts";
import type { SearchKey } from "../memory/search-key.ts";
import type { Ref } from "../memory/slabs.ts";
import { treeEntryBytes } from "./entry-bytes.ts";
import { ExpiryHeap } from "./expiry-heap.ts";
import { HashIndex } from "./hash-index.ts";

/**
 * What the thread that writes knows of the records of the tree beside the tree: their number and bytes, a hash index of their
 * keys, and their expire times. The search key must be the key of the record that is added, replaced or removed.
 */
export class Indexes {
  readonly #records: Records;
  readonly #allocator: Allocator;
  readonly #key: SearchKey;
  readonly #hashes: HashIndex;
  readonly #expiries: ExpiryHeap;
  #size = 0;
  #entryBytes = 0;

  /** `isCurrent` tells whether the tree reaches a record that is in use. */
  constructor(records: Records, allocator: Allocator, key: SearchKey, isCurrent: (ref: Ref) => boolean) {
    this.#records = records;
    this.#allocator = allocator;
    this.#key = key;
    this.#hashes = new HashIndex(records);
    this.#expiries = new ExpiryHeap(
      (ref, expireTime, revision) => this.#isAt(ref, expireTime, revision),
      (ref, expireTime, revision) => this.#isAt(ref, expireTime, revision) && isCurrent(ref),
    );
  }

  /** The number of records. */
  get size(): number {
    return this.#size;
  }

  /** The sum of the `treeEntryBytes` of all records. */
  get entryBytes(): number {
    return this.#entryBytes;
  }

  /** The memory of the indexes. */
  get bytes(): number {
    return this.#hashes.bytes + this.#expiries.bytes;
  }

  /** The number of expire times, also of records that are gone. */
  get expiries(): number {
    return this.#expiries.size;
  }

  /** The record of the search key; 0 when there is none; `unknown` when the tree must be searched. */
  find(): Ref {
    return this.#hashes.find(this.#key, this.#hashes.hash(this.#key));
  }

  /** See `ExpiryHeap.expired`. */
  expired(now: number, limit: number): readonly Ref[] {
    return this.#expiries.expired(now, limit);
  }

  /** The `treeEntryBytes` of a record of the tree. */
  bytesOf(ref: Ref): number {
    return treeEntryBytes(this.#allocator.sizeOf(ref), this.#records.expireTime(ref) !== 0);
  }

  add(ref: Ref): void {
    this.#hashes.add(this.#hashes.hash(this.#key), ref);
    this.#size++;
    this.#came(ref);
  }

  replace(before: Ref, ref: Ref): void {
    this.#hashes.replace(this.#hashes.hash(this.#key), before, ref);
    this.#left(before);
    this.#came(ref);
  }

  remove(ref: Ref): void {
    this.#hashes.remove(this.#hashes.hash(this.#key), ref);
    this.#size--;
    this.#left(ref);
  }

  /** Throws unless the tree has these records. For tests and debugging. */
  verify(refs: Iterable<Ref>): void {
    let bytes = 0;
    const all = Array.from(refs);
    for (const ref of all) bytes += this.bytesOf(ref);
    if (bytes !== this.#entryBytes) throw new Error(`entries take ${bytes} bytes, not ${this.#entryBytes}`);
    this.#hashes.verify(all);
  }

  /** A record is about to be overwritten where it lies; `hasChanged` must follow. */
  willChange(ref: Ref): void {
    this.#left(ref);
  }

  /** A record has been overwritten where it lies with an entry of the same key. */
  hasChanged(ref: Ref): void {
    this.#came(ref);
  }

  #came(ref: Ref): void {
    const expireTime = this.#records.expireTime(ref);
    this.#entryBytes += this.bytesOf(ref);
    if (expireTime !== 0) this.#expiries.add(expireTime, ref, this.#records.revision(ref));
  }

  #left(ref: Ref): void {
    this.#entryBytes -= this.bytesOf(ref);
    if (this.#records.expireTime(ref) !== 0) this.#expiries.leave();
  }

  /** Whether the record at a ref, which the tree may no longer reach, is the one with this expire time and revision. */
  #isAt(ref: Ref, expireTime: number, revision: number): boolean {
    return (
      this.#allocator.holdsRecord(ref) &&
      this.#records.expireTime(ref) === expireTime &&
      (this.#records.revision(ref) | 0) === revision
    );
  }
}
