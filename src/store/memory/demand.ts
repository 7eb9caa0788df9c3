import { pageBytes, pageClass, recordClass, slotBytes, slotBytesMax } from "./size-classes.ts";
import { blockBytes } from "./slabs.ts";

const pagesPerBlock = blockBytes / pageBytes;

/** A page that is split keeps at least this many children. */
const childrenMin = 31;
const logOfChildrenMin = Math.log(childrenMin);

/** The memory that a batch of changes takes at most. It takes no more before it is published, whatever the order. */
export class Demand {
  /** The number of records by class of slots. */
  readonly #slots: number[] = Array.from({ length: pageClass }, () => 0);
  /** The classes that have records. */
  readonly #classes: number[] = [];
  #puts = 0;
  #removals = 0;
  #slotBlocks = 0;
  #runs = 0;
  #runBlocks = 0;
  #longestRun = 0;

  get puts(): number {
    return this.#puts;
  }

  /** The number of records that are larger than all slots, each of which takes a run of blocks. */
  get runs(): number {
    return this.#runs;
  }

  /** The length of the longest run of blocks; 0 when there is none. */
  get longestRun(): number {
    return this.#longestRun;
  }

  /** Adds a put of an entry whose record has so many bytes. */
  put(bytes: number): void {
    this.#puts++;
    if (bytes > slotBytesMax) {
      const blocks = Math.ceil(bytes / blockBytes);
      this.#runs++;
      this.#runBlocks += blocks;
      this.#longestRun = Math.max(this.#longestRun, blocks);
      return;
    }
    const slotClass = recordClass(bytes);
    this.#addSlots(slotClass, 1);
  }

  /** Adds a removal, which copies pages. */
  remove(): void {
    this.#removals++;
  }

  /** Adds all changes of another demand. */
  add(other: Demand): void {
    this.#puts += other.#puts;
    this.#removals += other.#removals;
    this.#runs += other.#runs;
    this.#runBlocks += other.#runBlocks;
    this.#longestRun = Math.max(this.#longestRun, other.#longestRun);
    for (const slotClass of other.#classes) this.#addSlots(slotClass, other.#slots[slotClass] as number);
  }

  /** Makes the demand that of no changes. */
  clear(): void {
    for (const slotClass of this.#classes) this.#slots[slotClass] = 0;
    this.#classes.length = 0;
    this.#puts = 0;
    this.#removals = 0;
    this.#slotBlocks = 0;
    this.#runs = 0;
    this.#runBlocks = 0;
    this.#longestRun = 0;
  }

  /** At least the number of blocks that the changes take in a tree of `levels` levels, together with those of another demand. */
  blocks(levels: number, others = nothing): number {
    // Each page on the way to a leaf is copied, and split or merged; the tree may get a new root.
    const changes = this.#changes + others.#changes;
    const growth = Math.ceil(Math.log(changes + 1) / logOfChildrenMin);
    const pages = changes * (2 * (levels + growth) + 1);
    return Math.ceil(pages / pagesPerBlock) + this.#recordBlocks + others.#recordBlocks;
  }

  #addSlots(slotClass: number, more: number): void {
    const count = this.#slots[slotClass] as number;
    if (count === 0) this.#classes.push(slotClass);
    this.#slotBlocks += slotBlocks(slotClass, count + more) - slotBlocks(slotClass, count);
    this.#slots[slotClass] = count + more;
  }

  get #changes(): number {
    return this.#puts + this.#removals;
  }

  get #recordBlocks(): number {
    return this.#slotBlocks + this.#runBlocks;
  }
}

/** The demand of no changes. */
export const nothing = new Demand();

/** The blocks for so many slots. No block with room is counted on. */
function slotBlocks(slotClass: number, count: number): number {
  return Math.ceil(count / Math.floor(blockBytes / slotBytes(slotClass)));
}
