import type { Allocator } from "../memory/allocator.ts";
import type { Records } from "../memory/records.ts";
import { pageBytes } from "../memory/size-classes.ts";
import { type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import {
  childCountWord,
  childWord,
  countWord,
  headWord,
  isLeaf,
  itemsOf,
  keyWord,
  leastWord,
  levelOf,
  madeBy,
  recordWord,
  setItems,
  setSkip,
  skipOf,
} from "./page-format.ts";
import type { Versions } from "./versions.ts";

/** The columns of 32-bit words that the items of a page have. */
const leafColumns = [headWord, recordWord];
const innerColumns = [headWord, leastWord, childWord, childCountWord];

/** Changes single pages of the version under way. */
export class Pages {
  readonly #slabs: Slabs;
  readonly #allocator: Allocator;
  readonly #records: Records;
  readonly #versions: Versions;

  constructor(slabs: Slabs, allocator: Allocator, records: Records, versions: Versions) {
    this.#slabs = slabs;
    this.#allocator = allocator;
    this.#records = records;
    this.#versions = versions;
  }

  /** An empty page. */
  create(level: number): Ref {
    const ref = this.#allocator.allocatePage();
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    words[page] = level << 16;
    words[page + 1] = 0;
    words[page + countWord] = 0;
    this.#mark(words, page);
    return ref;
  }

  /** A leaf with these records, which are in the order of their keys, and have room in it. */
  createLeaf(records: Int32Array): Ref {
    const ref = this.create(0);
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    words.set(records, page + recordWord);
    setItems(words, page, records.length);
    words[page + countWord] = records.length;
    this.#headAll(words, page);
    return ref;
  }

  /** An inner page with these children, which are in the order of their keys, and have room in it. */
  createInner(level: number, children: Int32Array): Ref {
    const ref = this.create(level);
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    setItems(words, page, children.length);
    for (const [index, child] of children.entries()) {
      words[page + childCountWord + index] = 0;
      this.#fillChild(words, page, index, child);
    }
    this.#headAll(words, page);
    return ref;
  }

  /** A page with the same content that may be changed: the page itself if nobody else can read it, or a copy. */
  own(ref: Ref): Ref {
    return this.#isOwn(ref) ? ref : this.move(ref);
  }

  /** A copy of the page in another place, which may be changed. The version under way no longer reaches the page itself. */
  move(ref: Ref): Ref {
    const copy = this.#allocator.allocatePage();
    this.#slabs.copy(ref, copy, pageBytes);
    this.#mark(this.#slabs.wordsOf(copy), wordOf(copy));
    this.drop(ref);
    return copy;
  }

  /** The version under way no longer reaches the page. */
  drop(ref: Ref): void {
    if (this.#isOwn(ref)) this.#allocator.free(ref);
    else this.#versions.retire(ref);
  }

  /** The number of entries in the page and below it. */
  count(ref: Ref): number {
    return this.#slabs.wordsOf(ref)[wordOf(ref) + countWord] as number;
  }

  /** The record with the least key in the page or below it. */
  least(ref: Ref): Ref {
    const words = this.#slabs.wordsOf(ref);
    return words[keyWord(words, wordOf(ref))] as Ref;
  }

  /** Inserts a record into a leaf that has room. */
  insertRecord(ref: Ref, position: number, record: Ref): void {
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    this.#open(words, page, position);
    words[page + recordWord + position] = record;
    words[page + countWord] = (words[page + countWord] as number) + 1;
    this.#keyCame(words, page, position);
  }

  /** Inserts a child into an inner page that has room. */
  insertChild(ref: Ref, index: number, child: Ref): void {
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    this.#open(words, page, index);
    words[page + childCountWord + index] = 0;
    this.#fillChild(words, page, index, child);
    this.#keyCame(words, page, index);
  }

  /** Replaces a child, whose entries may have changed. `sameKeys`: its keys are the same as before. */
  setChild(ref: Ref, index: number, child: Ref, sameKeys: boolean): void {
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    const before = words[page + leastWord + index];
    this.#fillChild(words, page, index, child);
    if (!sameKeys && words[page + leastWord + index] !== before) this.#keyCame(words, page, index);
  }

  /** Removes a record or a child. */
  removeItem(ref: Ref, index: number): void {
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    const items = itemsOf(words, page);
    const entries = isLeaf(words, page) ? 1 : (words[page + childCountWord + index] as number);
    for (const column of columnsOf(words, page)) {
      words.copyWithin(page + column + index, page + column + index + 1, page + column + items);
    }
    words[page + countWord] = (words[page + countWord] as number) - entries;
    setItems(words, page, items - 1);
  }

  /** Moves the items from `index` on to a new page, which it returns. None: the new page is empty. */
  split(ref: Ref, index: number): Ref {
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    const right = this.create(levelOf(words, page));
    this.#appendItems(right, ref, index);
    const moved = itemsOf(words, page) - index;
    setItems(words, page, index);
    words[page + countWord] = (words[page + countWord] as number) - this.count(right);
    if (moved > 0) this.#headAll(words, page);
    return right;
  }

  /** Appends all items of the page `right`, which follow those of `ref`. */
  append(ref: Ref, right: Ref): void {
    this.#appendItems(ref, right, 0);
  }

  #isOwn(ref: Ref): boolean {
    return madeBy(this.#slabs.wordsOf(ref), wordOf(ref)) >= this.#versions.ownedFrom;
  }

  /** Marks the page as made by the version under way. */
  #mark(words: Int32Array, page: number): void {
    const { current } = this.#versions;
    words[page + 1] = skipOf(words, page) | (highOf(current) << 16);
    words[page + 2] = current;
  }

  /** Makes room for an item. */
  #open(words: Int32Array, page: number, index: number): void {
    const items = itemsOf(words, page);
    for (const column of columnsOf(words, page)) {
      words.copyWithin(page + column + index + 1, page + column + index, page + column + items);
    }
    setItems(words, page, items + 1);
  }

  #fillChild(words: Int32Array, page: number, index: number, child: Ref): void {
    const more = this.count(child) - (words[page + childCountWord + index] as number);
    words[page + leastWord + index] = this.least(child);
    words[page + childWord + index] = child;
    words[page + childCountWord + index] = this.count(child);
    words[page + countWord] = (words[page + countWord] as number) + more;
  }

  #appendItems(to: Ref, from: Ref, index: number): void {
    const words = this.#slabs.wordsOf(from);
    const page = wordOf(from);
    const target = this.#slabs.wordsOf(to);
    const targetPage = wordOf(to);
    const end = itemsOf(words, page);
    const items = itemsOf(target, targetPage);
    for (const column of columnsOf(words, page)) {
      for (let item = index; item < end; item++) {
        target[targetPage + column + items + item - index] = words[page + column + item] as number;
      }
    }
    let entries = end - index;
    if (!isLeaf(words, page)) {
      entries = 0;
      for (let item = index; item < end; item++) entries += words[page + childCountWord + item] as number;
    }
    setItems(target, targetPage, items + end - index);
    target[targetPage + countWord] = (target[targetPage + countWord] as number) + entries;
    this.#headAll(target, targetPage);
  }

  /** The key at an index is new. At an end of the page it may share fewer bytes with the others. */
  #keyCame(words: Int32Array, page: number, index: number): void {
    const last = itemsOf(words, page) - 1;
    const keys = keyWord(words, page);
    const skip = skipOf(words, page);
    const isAtEnd = index === 0 || index === last;
    // Two keys may share more than `skip`, which was 0 as long as there was one.
    if (
      isAtEnd &&
      (last === 1 || this.#records.commonPrefix(words[keys] as Ref, words[keys + last] as Ref) < skip)
    ) {
      this.#headAll(words, page);
    } else {
      words[page + headWord + index] = this.#records.head(words[keys + index] as Ref, skip);
    }
  }

  /** Computes `skip` and all heads. */
  #headAll(words: Int32Array, page: number): void {
    const items = itemsOf(words, page);
    const keys = keyWord(words, page);
    const isMany = items > 1;
    const skip = isMany ? this.#records.commonPrefix(words[keys] as Ref, words[keys + items - 1] as Ref) : 0;
    setSkip(words, page, skip);
    for (let index = 0; index < items; index++) {
      words[page + headWord + index] = this.#records.head(words[keys + index] as Ref, skip);
    }
  }
}

function columnsOf(words: Int32Array, page: number): readonly number[] {
  return isLeaf(words, page) ? leafColumns : innerColumns;
}

function highOf(version: number): number {
  return Math.floor(version / 2 ** 32) & 0xffff;
}
