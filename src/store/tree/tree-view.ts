import type { RecordEntry, Records } from "../memory/records.ts";
import { noRef, type Ref, type Slabs } from "../memory/slabs.ts";
import type { ByteRange } from "./byte-range.ts";
import type { TreeState } from "./control.ts";
import { Cursor } from "./cursor.ts";
import type { Search } from "./search.ts";

/**
 * One state of the tree, to read. Either it is pinned, and throws when it is read after the end of the pin; see `Pin.check`.
 * Or it is valid until the tree is changed: then scans that have begun end early, without an error, and all else throws.
 */
export class TreeView {
  readonly #slabs: Slabs;
  readonly #records: Records;
  readonly #search: Search;
  readonly #state: TreeState;
  readonly #isValid: () => boolean;

  constructor(slabs: Slabs, records: Records, search: Search, state: TreeState, isValid: () => boolean) {
    this.#slabs = slabs;
    this.#records = records;
    this.#search = search;
    this.#state = state;
    this.#isValid = isValid;
  }

  get revision(): number {
    return this.#state.revision;
  }

  /** Time of the last transaction, in milliseconds since 1970 UTC. */
  get time(): number {
    return this.#state.time;
  }

  /** The number of entries. */
  get size(): number {
    return this.#state.size;
  }

  get(key: string): RecordEntry | undefined {
    const record = this.find(key);
    return record === noRef ? undefined : this.#records.entry(record, key);
  }

  /** The record of the key; 0 when there is none. */
  find(key: string): Ref {
    this.check();
    this.#search.key.setText(key);
    return this.#search.find(this.#state.root);
  }

  /** The number of keys in the range. Takes two searches, however many there are. */
  count(range: ByteRange): number {
    const [start, end] = this.#ranks(range);
    return end - start;
  }

  /** The entries of the range in the order of their keys, the bytes of UTF-8. */
  *scan(range: ByteRange, reverse: boolean): Generator<RecordEntry, void> {
    for (const record of this.refs(range, reverse)) yield this.#records.entry(record);
  }

  /** The records of the range. */
  *refs(range: ByteRange, reverse: boolean): Generator<Ref, void> {
    const [start, end] = this.#ranks(range);
    const cursor = new Cursor(this.#slabs, this.#state.root, reverse ? end - 1 : start);
    for (let left = end - start; left > 0; left--) {
      yield cursor.record;
      if (!this.#isValid()) return;
      if (left > 1) cursor.move(reverse);
    }
  }

  /** Throws when the state may be gone. */
  check(): void {
    if (!this.#isValid()) throw new Error("the tree has changed since the view was made");
  }

  /** The numbers of keys before the range, and before its end; never a negative range. */
  #ranks({ start, end }: ByteRange): readonly [start: number, end: number] {
    this.check();
    const first = start.length === 0 ? 0 : this.#rank(start);
    const last = end === undefined ? this.#state.size : this.#rank(end);
    return [first, Math.max(first, last)];
  }

  #rank(bound: Uint8Array): number {
    this.#search.key.setBytes(bound);
    return this.#search.rank(this.#state.root);
  }
}
