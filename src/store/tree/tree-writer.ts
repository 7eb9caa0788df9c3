import { noRef, type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import {
  childWord,
  innerCapacity,
  isLeaf,
  itemsOf,
  leafCapacity,
  levelOf,
  recordWord,
} from "./page-format.ts";
import type { Pages } from "./pages.ts";
import type { Search } from "./search.ts";

/**
 * Changes the tree of the version under way. Pages on the way from the root to a changed leaf are copied unless nobody else
 * can read them, so what others read is never touched.
 */
export class TreeWriter {
  readonly #slabs: Slabs;
  readonly #pages: Pages;
  readonly #search: Search;
  /** What the last descent replaced or removed; 0 for nothing. */
  #replaced: Ref = noRef;
  /** The page to the right of the one that the last descent returned, when it was split. */
  #right: Ref = noRef;

  constructor(slabs: Slabs, pages: Pages, search: Search) {
    this.#slabs = slabs;
    this.#pages = pages;
    this.#search = search;
  }

  /** The record that the last `put` replaced or the last `remove` removed; 0 for none. */
  get replaced(): Ref {
    return this.#replaced;
  }

  /** Puts a record, whose key is the search key, into the tree. Returns the new root. */
  put(root: Ref, record: Ref): Ref {
    this.#replaced = noRef;
    const page = this.#put(root === noRef ? this.#pages.create(0) : root, record, true);
    const right = this.#right;
    if (right === noRef) return page;
    const top = this.#pages.create(levelOf(this.#slabs.wordsOf(page), wordOf(page)) + 1);
    this.#pages.insertChild(top, 0, page);
    this.#pages.insertChild(top, 1, right);
    return top;
  }

  /** Removes the record of the search key, which must be in the tree. Returns the new root; 0 for an empty tree. */
  remove(root: Ref): Ref {
    this.#replaced = noRef;
    let top = this.#remove(root);
    while (top !== noRef) {
      const words = this.#slabs.wordsOf(top);
      const page = wordOf(top);
      if (isLeaf(words, page) || itemsOf(words, page) > 1) break;
      const child = words[page + childWord] as Ref;
      this.#pages.drop(top);
      top = child;
    }
    return top;
  }

  /**
   * Moves the page of `level` on the way to the search key to another place. Returns the new root.
   */
  move(root: Ref, level: number): Ref {
    if (levelOf(this.#slabs.wordsOf(root), wordOf(root)) === level) return this.#pages.move(root);
    const ref = this.#pages.own(root);
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    const index = this.#search.childIndex(words, page);
    const child = this.move(words[page + childWord + index] as Ref, level);
    this.#pages.setChild(ref, index, child, true);
    return ref;
  }

  /** Returns the page that replaces `old`. `isLast`: nothing is to the right of it. */
  #put(old: Ref, record: Ref, isLast: boolean): Ref {
    const ref = this.#pages.own(old);
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    if (isLeaf(words, page)) {
      this.#putRecord(ref, words, page, record, isLast);
      return ref;
    }
    const index = this.#search.childIndex(words, page);
    const isLastChild = isLast && index === itemsOf(words, page) - 1;
    const child = this.#put(words[page + childWord + index] as Ref, record, isLastChild);
    this.#pages.setChild(ref, index, child, this.#replaced !== noRef);
    if (this.#right !== noRef) this.#right = this.#insertChild(ref, index + 1, this.#right, isLast);
    return ref;
  }

  #putRecord(ref: Ref, words: Int32Array, page: number, record: Ref, isLast: boolean): void {
    this.#right = noRef;
    const position = this.#search.leafPosition(words, page);
    if (this.#search.isAt(words, page, position)) {
      this.#replaced = words[page + recordWord + position] as Ref;
      words[page + recordWord + position] = record;
      return;
    }
    const items = itemsOf(words, page);
    if (items < leafCapacity) {
      this.#pages.insertRecord(ref, position, record);
      return;
    }
    const at = splitIndex(items, position, isLast);
    this.#right = this.#pages.split(ref, at);
    if (position <= at && at < items) this.#pages.insertRecord(ref, position, record);
    else this.#pages.insertRecord(this.#right, position - at, record);
  }

  /** Inserts a child. Returns the new page to the right when the page had to be split. */
  #insertChild(ref: Ref, index: number, child: Ref, isLast: boolean): Ref {
    const items = itemsOf(this.#slabs.wordsOf(ref), wordOf(ref));
    if (items < innerCapacity) {
      this.#pages.insertChild(ref, index, child);
      return noRef;
    }
    const at = splitIndex(items, index, isLast);
    const right = this.#pages.split(ref, at);
    if (index <= at && at < items) this.#pages.insertChild(ref, index, child);
    else this.#pages.insertChild(right, index - at, child);
    return right;
  }

  /** Returns the page that replaces `old`; 0 when nothing is left of it. */
  #remove(old: Ref): Ref {
    const ref = this.#pages.own(old);
    const words = this.#slabs.wordsOf(ref);
    const page = wordOf(ref);
    if (isLeaf(words, page)) {
      const position = this.#search.leafPosition(words, page);
      this.#replaced = words[page + recordWord + position] as Ref;
      this.#pages.removeItem(ref, position);
    } else {
      const index = this.#search.childIndex(words, page);
      const child = this.#remove(words[page + childWord + index] as Ref);
      if (child === noRef) {
        this.#pages.removeItem(ref, index);
      } else {
        this.#pages.setChild(ref, index, child, false);
        this.#mergeIfSmall(ref, index);
      }
    }
    if (itemsOf(words, page) > 0) return ref;
    this.#pages.drop(ref);
    return noRef;
  }

  /** Merges a child that is less than a quarter full with a neighbour, if both leave room in one page. */
  #mergeIfSmall(parent: Ref, index: number): void {
    const words = this.#slabs.wordsOf(parent);
    const page = wordOf(parent);
    const children = itemsOf(words, page);
    const child = words[page + childWord + index] as Ref;
    const capacity = isLeaf(this.#slabs.wordsOf(child), wordOf(child)) ? leafCapacity : innerCapacity;
    if (children === 1 || this.#items(child) >= capacity / 4) return;
    const left = Math.max(0, index - 1);
    const one = words[page + childWord + left] as Ref;
    const other = words[page + childWord + left + 1] as Ref;
    if (this.#items(one) + this.#items(other) > (capacity * 3) / 4) return;
    const merged = this.#pages.own(one);
    this.#pages.append(merged, other);
    this.#pages.drop(other);
    this.#pages.removeItem(parent, left + 1);
    this.#pages.setChild(parent, left, merged, true);
  }

  #items(ref: Ref): number {
    return itemsOf(this.#slabs.wordsOf(ref), wordOf(ref));
  }
}

/**
 * Where a full page is split. Keys that grow are put at the right end of the tree: there the page stays full. Elsewhere a
 * page that stays full would be split again at once.
 */
function splitIndex(items: number, position: number, isLast: boolean): number {
  return isLast && position === items ? items : items >>> 1;
}
