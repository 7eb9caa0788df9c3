import { type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import { childCountWord, childWord, isLeaf, itemsOf, recordWord } from "./page-format.ts";

/** The largest number of levels: inner pages have at least two children. */
const levelsMax = 32;

/**
 * A position among the records of a tree, which must not change. `move` must not leave the tree, and a cursor that begins
 * outside of it (a rank below 0 or beyond the last) must not be used.
 */
export class Cursor {
  readonly #slabs: Slabs;
  /** The pages from the root to the leaf, and the index in each. */
  readonly #path: Ref[] = [];
  readonly #indexes: number[] = [];

  /** Begins at the record that has `rank` keys before it. */
  constructor(slabs: Slabs, root: Ref, rank: number) {
    this.#slabs = slabs;
    let before = rank;
    for (let ref = root, level = 0; level < levelsMax && ref !== 0; level++) {
      const words = slabs.wordsOf(ref);
      const page = wordOf(ref);
      this.#path.push(ref);
      if (isLeaf(words, page)) {
        this.#indexes.push(before);
        return;
      }
      let child = 0;
      const last = itemsOf(words, page) - 1;
      for (; child < last; child++) {
        const count = words[page + childCountWord + child] as number;
        if (before < count) break;
        before -= count;
      }
      this.#indexes.push(child);
      ref = words[page + childWord + child] as Ref;
    }
  }

  get record(): Ref {
    const depth = this.#path.length - 1;
    const leaf = this.#path[depth] as Ref;
    return this.#slabs.wordsOf(leaf)[wordOf(leaf) + recordWord + (this.#indexes[depth] as number)] as Ref;
  }

  /** Goes to the next record, or to the one before. */
  move(back: boolean): void {
    let depth = this.#path.length - 1;
    const step = back ? -1 : 1;
    while (depth >= 0 && !this.#step(depth, step)) depth--;
    for (; depth + 1 < this.#path.length; depth++) this.#enter(depth, back);
  }

  /** Moves within a page; false when there is no such item. */
  #step(depth: number, step: number): boolean {
    const ref = this.#path[depth] as Ref;
    const index = (this.#indexes[depth] as number) + step;
    if (index < 0 || index >= itemsOf(this.#slabs.wordsOf(ref), wordOf(ref))) return false;
    this.#indexes[depth] = index;
    return true;
  }

  /** Goes to the first item, or to the last, of the child at the index of `depth`. */
  #enter(depth: number, last: boolean): void {
    const parent = this.#path[depth] as Ref;
    const words = this.#slabs.wordsOf(parent);
    const child = words[wordOf(parent) + childWord + (this.#indexes[depth] as number)] as Ref;
    this.#path[depth + 1] = child;
    this.#indexes[depth + 1] = last ? itemsOf(this.#slabs.wordsOf(child), wordOf(child)) - 1 : 0;
  }
}
