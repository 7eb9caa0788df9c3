/**
 * A page is a node of the tree: 256 words of 32 bits.
 *
 *     word 0   number of items (low 16 bits), level (high 16 bits; 0: leaf)
 *     word 1   skip (low 16 bits), version that made the page, bits 32 to 47 (high 16 bits)
 *     word 2   version that made the page, low 32 bits
 *     word 3   number of entries in the page and below it
 *
 *     leaf     words   4–129   head of each record's key
 *              words 130–255   ref of each record
 *
 *     inner    words   4–66    head of each child's least key
 *              words  67–129   ref of each child's least record
 *              words 130–192   ref of each child
 *              words 193–255   number of entries below each child
 *
 * `skip` is a number of bytes that all keys of the page (the least keys of the children) share at their beginning. A head
 * is the next four bytes as a number, so that a search compares numbers, and reads a record only where heads are equal.
 *
 * Invariants:
 *
 * 1. Keys ascend strictly in a page; each key below child i is at or after its least key and before that of child i + 1.
 * 2. No page but an empty root leaf has no items. All leaves have level 0, a child is one level below its parent.
 * 3. A page changes only if nobody else can read it: see `Versions.ownedFrom`.
 */
export const countWord = 3;
export const headWord = 4;
/** Refs of a leaf's records. */
export const recordWord = 130;
/** Refs of the least records below an inner page's children. */
export const leastWord = 67;
export const childWord = 130;
export const childCountWord = 193;

export const leafCapacity = 126;
export const innerCapacity = 63;

/** The first word of a page of level 1 without items; leaves have less. */
const levelUnit = 0x10000;

export function isLeaf(words: Int32Array, page: number): boolean {
  return (words[page] as number) < levelUnit;
}

export function itemsOf(words: Int32Array, page: number): number {
  return (words[page] as number) & 0xffff;
}

export function levelOf(words: Int32Array, page: number): number {
  return (words[page] as number) >>> 16;
}

export function skipOf(words: Int32Array, page: number): number {
  return (words[page + 1] as number) & 0xffff;
}

/** The version that made the page. */
export function madeBy(words: Int32Array, page: number): number {
  return ((words[page + 1] as number) >>> 16) * 2 ** 32 + ((words[page + 2] as number) >>> 0);
}

export function setItems(words: Int32Array, page: number, items: number): void {
  words[page] = ((words[page] as number) & ~0xffff) | items;
}

export function setSkip(words: Int32Array, page: number, skip: number): void {
  words[page + 1] = ((words[page + 1] as number) & ~0xffff) | skip;
}

/** Where the refs of the records are that order the page: its own, or the least ones of its children. */
export function keyWord(words: Int32Array, page: number): number {
  return page + (isLeaf(words, page) ? recordWord : leastWord);
}
