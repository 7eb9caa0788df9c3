import type { Allocator } from "../memory/allocator.ts";
import type { Records } from "../memory/records.ts";
import { SearchKey } from "../memory/search-key.ts";
import { noRef, type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import {
  childCountWord,
  childWord,
  countWord,
  headWord,
  innerCapacity,
  isLeaf,
  itemsOf,
  keyWord,
  leafCapacity,
  leastWord,
  levelOf,
  recordWord,
  skipOf,
} from "./page-format.ts";

export interface VerifiedTree {
  readonly slabs: Slabs;
  readonly records: Records;
  readonly root: Ref;
  readonly size: number;
  readonly allocator: Allocator;
  /** Pages and records that are in use, but not reached from the root. */
  readonly retired: Iterable<Ref>;
}

/**
 * Throws when an invariant does not hold: those of pages, in page-format.ts; those of the allocator; and that all memory in
 * use is reached from the root, or retired, and only once.
 */
export function verifyTree({ slabs, records, root, size, allocator, retired }: VerifiedTree): void {
  const key = new SearchKey();
  const reached = new Set<Ref>();
  let bytes = 0;

  const reach = (ref: Ref, what: string) => {
    if (ref === noRef || reached.has(ref)) throw new Error(`tree: ${what} ${ref >>> 0} is reached twice`);
    reached.add(ref);
    bytes += allocator.sizeOf(ref);
  };

  /** Returns the number of entries in the page and below it. */
  const walk = (ref: Ref, level: number): number => {
    reach(ref, "page");
    const words = slabs.wordsOf(ref);
    const page = wordOf(ref);
    const check = (holds: boolean, what: string) => {
      if (!holds) throw new Error(`tree: ${what} of page ${ref >>> 0} at level ${level} wrong`);
    };
    const word = (column: number, index: number) => words[page + column + index] as number;
    const items = itemsOf(words, page);
    check(levelOf(words, page) === level, "level");
    check(items > 0 && items <= (level === 0 ? leafCapacity : innerCapacity), "number of items");

    const keys = keyWord(words, page) - page;
    for (let index = 0; index < items; index++) {
      const record = word(keys, index);
      check(records.commonPrefix(word(keys, 0), record) >= skipOf(words, page), "skip");
      check(word(headWord, index) === records.head(record, skipOf(words, page)), `head ${index}`);
      if (index === 0) continue;
      records.copyKey(record, key);
      check(records.compare(key, word(keys, index - 1), 0) > 0, `order of key ${index}`);
    }

    let count = 0;
    for (let index = 0; index < items; index++) {
      if (isLeaf(words, page)) {
        reach(word(recordWord, index), "record");
        count++;
        continue;
      }
      const child = word(childWord, index);
      const below = walk(child, level - 1);
      check(word(childCountWord, index) === below, `count of child ${index}`);
      check(word(leastWord, index) === leastOf(slabs, child), `least record of child ${index}`);
      if (index + 1 < items) {
        records.copyKey(word(leastWord, index + 1), key);
        check(records.compare(key, greatestOf(slabs, child), 0) > 0, `greatest key of child ${index}`);
      }
      count += below;
    }
    check(word(countWord, 0) === count, "count");
    return count;
  };

  const entries = root === noRef ? 0 : walk(root, levelOf(slabs.wordsOf(root), wordOf(root)));
  if (entries !== size) throw new Error(`tree: ${entries} entries, not ${size}`);
  for (const ref of retired) reach(ref, "retired slot");
  if (bytes !== allocator.liveBytes)
    throw new Error(`tree: ${allocator.liveBytes} bytes in use, ${bytes} are reached`);
  allocator.verify();
}

function leastOf(slabs: Slabs, ref: Ref): Ref {
  const words = slabs.wordsOf(ref);
  return words[keyWord(words, wordOf(ref))] as Ref;
}

function greatestOf(slabs: Slabs, ref: Ref): Ref {
  let page = ref;
  for (;;) {
    const words = slabs.wordsOf(page);
    const last = wordOf(page) + itemsOf(words, wordOf(page)) - 1;
    if (isLeaf(words, wordOf(page))) return words[last + recordWord] as Ref;
    page = words[last + childWord] as Ref;
  }
}
