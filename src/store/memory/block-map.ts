import { blocksPerSlab } from "./slabs.ts";

const free = 0;
const used = 1;

/**
 * Which blocks are in use. The free block, or run of blocks, with the lowest number is taken first, so that what is in use
 * stays together.
 */
export class BlockMap {
  readonly #blocks: Uint8Array;
  /** No block before this one is free. */
  #firstFree = 1;
  #used = 0;

  constructor(blocks: number) {
    this.#blocks = new Uint8Array(blocks);
    // Refs into block 0 could be 0, which means "no ref".
    this.#blocks[0] = used;
  }

  /** The number of blocks in use. */
  get used(): number {
    return this.#used;
  }

  /** Takes `count` consecutive blocks of one slab. Returns the first; throws when there is no such run. */
  take(count: number): number {
    const block = this.#find(count);
    this.#blocks.fill(used, block, block + count);
    this.#used += count;
    if (block === this.#firstFree) this.#firstFree += count;
    return block;
  }

  release(block: number, count: number): void {
    this.#blocks.fill(free, block, block + count);
    this.#used -= count;
    this.#firstFree = Math.min(this.#firstFree, block);
  }

  #find(count: number): number {
    let block = this.#blocks.indexOf(free, this.#firstFree);
    this.#firstFree = block < 0 ? this.#blocks.length : block;
    while (block >= 0) {
      const end = block + count;
      const inUse = this.#blocks.subarray(block, end).lastIndexOf(used);
      const slabEnd = (Math.floor(block / blocksPerSlab) + 1) * blocksPerSlab;
      if (inUse < 0 && end <= slabEnd) return block;
      block = this.#blocks.indexOf(free, inUse < 0 ? slabEnd : block + inUse + 1);
    }
    throw new Error(`no ${count} free blocks of 64 KiB in a row: the memory of the store is exhausted`);
  }
}
