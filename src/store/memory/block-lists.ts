const none = -1;

/** One doubly linked list of blocks for each class of slots. A block is in one list at most. */
export class BlockLists {
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #listed: Uint8Array;

  constructor(lists: number, blocks: number) {
    this.#first = new Int32Array(lists).fill(none);
    this.#next = new Int32Array(blocks).fill(none);
    this.#previous = new Int32Array(blocks).fill(none);
    this.#listed = new Uint8Array(blocks);
  }

  /** The first block of a list; -1 when the list is empty. */
  first(list: number): number {
    return this.#first[list] as number;
  }

  /** The block after `block` in its list; -1 after the last. */
  next(block: number): number {
    return this.#next[block] as number;
  }

  has(block: number): boolean {
    return this.#listed[block] === 1;
  }

  add(list: number, block: number): void {
    const first = this.first(list);
    this.#next[block] = first;
    this.#previous[block] = none;
    if (first !== none) this.#previous[first] = block;
    this.#first[list] = block;
    this.#listed[block] = 1;
  }

  remove(list: number, block: number): void {
    const next = this.next(block);
    const previous = this.#previous[block] as number;
    if (previous === none) this.#first[list] = next;
    else this.#next[previous] = next;
    if (next !== none) this.#previous[next] = previous;
    this.#listed[block] = 0;
  }
}
