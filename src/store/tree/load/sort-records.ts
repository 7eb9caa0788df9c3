import type { Records } from "../../memory/records.ts";
import { SearchKey } from "../../memory/search-key.ts";
import type { Ref } from "../../memory/slabs.ts";

/** Up to this many records an insertion is faster. */
const insertionMax = 12;

/** Sorts records by key. Records of the same key keep their order. */
export class RecordSort {
  readonly #records: Records;
  readonly #key = new SearchKey();

  constructor(records: Records) {
    this.#records = records;
  }

  sort(refs: Int32Array): void {
    this.#sort(refs, 0);
  }

  /** Sorts records whose keys share their first `shared` bytes at least. */
  #sort(refs: Int32Array, shared: number): void {
    if (refs.length <= insertionMax) {
      this.#insertAll(refs, shared);
      return;
    }
    const [skip, lengthMax] = this.#measure(refs, shared);
    if (lengthMax === skip) return;
    const heads = this.#sortByHead(refs, skip);
    for (let start = 0; start < refs.length; ) {
      const head = heads[start] as number;
      let end = start + 1;
      while (end < refs.length && heads[end] === head) end++;
      if (end - start === refs.length) {
        // Keys that end where others have zeros have the same head.
        refs.sort((one, other) => this.#compare(one, other, skip));
      } else if (end - start > 1) this.#sort(refs.subarray(start, end), skip);
      start = end;
    }
  }

  /** The number of bytes that all keys share, and the length of the longest. */
  #measure(refs: Int32Array, shared: number): readonly [skip: number, lengthMax: number] {
    const first = refs[0] as Ref;
    let skip = this.#records.keyLength(first);
    let lengthMax = skip;
    for (let index = 1; index < refs.length; index++) {
      const ref = refs[index] as Ref;
      lengthMax = Math.max(lengthMax, this.#records.keyLength(ref));
      if (skip > shared) skip = Math.min(skip, this.#records.commonPrefix(first, ref));
    }
    return [skip, lengthMax];
  }

  /** Sorts by head with the engine's sort of numbers: a head, then the place, so that equal heads keep their order. */
  #sortByHead(refs: Int32Array, skip: number): Uint32Array {
    const items = new BigUint64Array(refs.length);
    const halves = new Uint32Array(items.buffer);
    for (let index = 0; index < refs.length; index++) {
      halves[2 * index] = index;
      halves[2 * index + 1] = this.#records.head(refs[index] as Ref, skip) ^ -0x80000000;
    }
    items.sort();
    const before = refs.slice();
    const heads = new Uint32Array(refs.length);
    for (let index = 0; index < refs.length; index++) {
      refs[index] = before[halves[2 * index] as number] as Ref;
      heads[index] = halves[2 * index + 1] as number;
    }
    return heads;
  }

  #insertAll(refs: Int32Array, shared: number): void {
    for (let end = 1; end < refs.length; end++) {
      const ref = refs[end] as Ref;
      this.#records.copyKey(ref, this.#key);
      let index = end;
      while (index > 0 && this.#records.compare(this.#key, refs[index - 1] as Ref, shared) < 0) {
        refs[index] = refs[index - 1] as Ref;
        index--;
      }
      refs[index] = ref;
    }
  }

  #compare(one: Ref, other: Ref, shared: number): number {
    this.#records.copyKey(one, this.#key);
    return this.#records.compare(this.#key, other, shared);
  }
}
