import { type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import { childWord, isLeaf, itemsOf, recordWord } from "./page-format.ts";

/** Calls `onPage` with each page from `ref` down, before what is below it, and `onRecord` with each record, in key order. */
export function walkTree(
  slabs: Slabs,
  ref: Ref,
  onPage: (page: Ref) => void,
  onRecord: (record: Ref) => void,
): void {
  onPage(ref);
  const words = slabs.wordsOf(ref);
  const page = wordOf(ref);
  const items = itemsOf(words, page);
  if (isLeaf(words, page)) {
    for (let index = 0; index < items; index++) onRecord(words[page + recordWord + index] as Ref);
    return;
  }
  for (let index = 0; index < items; index++) {
    walkTree(slabs, words[page + childWord + index] as Ref, onPage, onRecord);
  }
}
