import { blocksPerSlab, type Slabs } from "./slabs.ts";

const free = 0;
const used = 1;

/** The memory of the store has no room. Nothing was changed. */
export class MemoryFullError extends Error {}

/**
 * Which blocks are in use. The free block, or run of blocks, with the lowest number is taken first, so that what is in use
 * stays together.
 */
export class BlockMap {
  readonly #slabs: Slabs;
  readonly #blocks: Uint8Array;
  /** No block before this one is free. */
  #firstFree = 1;
  #used = 0;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
    this.#blocks = new Uint8Array(slabs.blocksMax);
    // Refs into block 0 could be 0, which means "no ref".
    this.#blocks[0] = used;
  }

  /** The number of blocks in use. */
  get used(): number {
    return this.#used;
  }

  /** The number of blocks that are not in use, with those of slabs that are not yet reserved. */
  get free(): number {
    // The block 0 is not counted as used.
    return this.#slabs.blocksMax - 1 - this.#used;
  }

  /** Reserves slabs until `count` blocks are free. Returns false when there is no more memory. */
  reserve(count: number): boolean {
    while (this.#slabs.blocks - 1 - this.#used < count) if (!this.#slabs.grow()) return false;
    return true;
  }

  /** Reserves slabs until there are `count` runs of `length` free blocks of one slab. Returns false as `reserve`. */
  reserveRuns(length: number, count: number): boolean {
    while (this.#countRuns(length, count) < count) if (!this.#slabs.grow()) return false;
    return true;
  }

  /** How many runs of `count` free blocks of one slab there are side by side. Stops counting at `most`. */
  #countRuns(count: number, most: number): number {
    let runs = 0;
    let block = this.#blocks.indexOf(free, this.#firstFree);
    while (block >= 0 && block < this.#slabs.blocks && runs < most) {
      const obstacle = this.#obstacle(block, count);
      if (obstacle < 0) runs++;
      block = this.#blocks.indexOf(free, obstacle < 0 ? block + count : obstacle);
    }
    return runs;
  }

  /** Takes `count` consecutive blocks of one slab. Returns the first; throws when there is no such run. */
  take(count: number): number {
    const block = this.#find(count);
    this.claim(block, count);
    if (block === this.#firstFree) this.#firstFree += count;
    return block;
  }

  /** Takes these blocks, which are free. */
  claim(block: number, count: number): void {
    this.#blocks.fill(used, block, block + count);
    this.#used += count;
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
      const obstacle = this.#obstacle(block, count);
      if (obstacle < 0) {
        if (block < this.#slabs.blocks || this.#slabs.grow()) return block;
        break;
      }
      block = this.#blocks.indexOf(free, obstacle);
    }
    throw new MemoryFullError(
      `no ${count} free blocks of 64 KiB in a row: the memory of the store is exhausted`,
    );
  }

  /** Where to look on when the `count` blocks from `block` on are not all free or not in one slab; -1 when they are. */
  #obstacle(block: number, count: number): number {
    const end = block + count;
    const inUse = this.#blocks.subarray(block, end).lastIndexOf(used);
    if (inUse >= 0) return block + inUse + 1;
    const slabEnd = (Math.floor(block / blocksPerSlab) + 1) * blocksPerSlab;
    return end <= slabEnd ? -1 : slabEnd;
  }
}
