import type { Records } from "../memory/records.ts";
import { SearchKey } from "../memory/search-key.ts";
import { noRef, type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import {
  childCountWord,
  childWord,
  headWord,
  isLeaf,
  itemsOf,
  keyWord,
  leastWord,
  levelOf,
  recordWord,
  skipOf,
} from "./page-format.ts";

/** Searches for `key` in pages. They must not change during a search. */
export class Search {
  readonly key = new SearchKey();
  readonly #slabs: Slabs;
  readonly #records: Records;

  constructor(slabs: Slabs, records: Records) {
    this.#slabs = slabs;
    this.#records = records;
  }

  /** The record of the key; 0 when there is none. */
  find(root: Ref): Ref {
    if (root === noRef) return noRef;
    let ref = root;
    let words = this.#slabs.wordsOf(ref);
    let page = wordOf(ref);
    while (!isLeaf(words, page)) {
      ref = words[page + childWord + this.childIndex(words, page)] as Ref;
      words = this.#slabs.wordsOf(ref);
      page = wordOf(ref);
    }
    // Whether the key begins with the bytes that the page's keys share is seen at the record itself.
    const head = this.key.head(skipOf(words, page));
    const end = itemsOf(words, page);
    let low = lowerBound(words, page + headWord, end, head);
    let high = headsEnd(words, page, low, end, head);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const record = words[page + recordWord + middle] as Ref;
      const order = this.#records.compare(this.key, record, 0);
      if (order === 0) return record;
      if (order > 0) low = middle + 1;
      else high = middle;
    }
    return noRef;
  }

  /** The page of a level that the key belongs to; 0 when the tree has no such level. */
  findPage(root: Ref, level: number): Ref {
    let ref = root;
    while (ref !== noRef) {
      const words = this.#slabs.wordsOf(ref);
      const page = wordOf(ref);
      if (levelOf(words, page) <= level) return levelOf(words, page) === level ? ref : noRef;
      ref = words[page + childWord + this.childIndex(words, page)] as Ref;
    }
    return noRef;
  }

  /** The number of keys that are less than the key. */
  rank(root: Ref): number {
    if (root === noRef) return 0;
    let rank = 0;
    let ref = root;
    for (;;) {
      const words = this.#slabs.wordsOf(ref);
      const page = wordOf(ref);
      if (isLeaf(words, page)) return rank + this.leafPosition(words, page);
      const child = this.childIndex(words, page);
      for (let index = 0; index < child; index++) rank += words[page + childCountWord + index] as number;
      ref = words[page + childWord + child] as Ref;
    }
  }

  /** The child that the key belongs below: the last one whose least key is not greater; the first when there is none. */
  childIndex(words: Int32Array, page: number): number {
    const end = itemsOf(words, page);
    const skip = skipOf(words, page);
    const order = this.#compareShared(words, page, skip);
    if (order !== 0) return order < 0 ? 0 : end - 1;
    const head = this.key.head(skip);
    const first = lowerBound(words, page + headWord, end, head);
    const last = headsEnd(words, page, first, end, head);
    const greater = this.#firstGreater(words, page + leastWord, first, last, skip);
    return Math.max(0, greater - 1);
  }

  /** The position of the first key of a leaf that is not less than the key. */
  leafPosition(words: Int32Array, page: number): number {
    const end = itemsOf(words, page);
    const skip = skipOf(words, page);
    const order = this.#compareShared(words, page, skip);
    if (order !== 0) return order < 0 ? 0 : end;
    const head = this.key.head(skip);
    const first = lowerBound(words, page + headWord, end, head);
    return this.#firstNotLess(words, page + recordWord, first, headsEnd(words, page, first, end, head), skip);
  }

  /** Whether the record at a position of a leaf has this very key. */
  isAt(words: Int32Array, page: number, position: number): boolean {
    if (position >= itemsOf(words, page)) return false;
    return this.#records.compare(this.key, words[page + recordWord + position] as Ref, 0) === 0;
  }

  /** Compares the key with the bytes that all keys of the page share. */
  #compareShared(words: Int32Array, page: number, skip: number): number {
    if (skip === 0) return 0;
    return this.#records.comparePrefix(this.key, words[keyWord(words, page)] as Ref, skip);
  }

  #firstNotLess(words: Int32Array, refs: number, start: number, end: number, from: number): number {
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records.compare(this.key, words[refs + middle] as Ref, from) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstGreater(words: Int32Array, refs: number, start: number, end: number, from: number): number {
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records.compare(this.key, words[refs + middle] as Ref, from) >= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The index of the first of `count` heads that is not less than `head`. */
function lowerBound(words: Int32Array, heads: number, count: number, head: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((words[heads + middle] as number) < head) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where the items with this head end. They begin at `first`; there may be none. */
function headsEnd(words: Int32Array, page: number, first: number, end: number, head: number): number {
  let index = first;
  while (index < end && words[page + headWord + index] === head) index++;
  return index;
}
