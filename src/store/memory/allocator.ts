import { BlockLists } from "./block-lists.ts";
import { BlockMap } from "./block-map.ts";
import { type Demand, nothing } from "./demand.ts";
import { pageClass, recordClass, slotBytes, slotBytesMax } from "./size-classes.ts";
import { blockBytes, blockOf, type Ref, refIn, type Slabs } from "./slabs.ts";
import { SlotBlocks } from "./slot-blocks.ts";
import { SlotSet } from "./slot-set.ts";

/** The classes of blocks without slots. */
const runClass = 254;
export const unusedClass = 255;

/**
 * Gives memory of the slabs to pages and records. A block has slots of one class; a block without a slot in use is free for
 * any class. A record that is larger than all slots has a run of blocks. Only the thread that writes has an allocator.
 *
 * Invariants:
 *
 * 1. A block with room is in the list of its class, unless it is closed.
 * 2. `liveBytes` is the sum of the sizes of all slots and runs in use.
 */
export class Allocator {
  readonly #map: BlockMap;
  readonly #slots: SlotBlocks;
  /** Blocks with room, by class. */
  readonly #open: BlockLists;
  readonly #class: Uint8Array;
  /** The number of blocks in a run, by its first block. */
  readonly #runs = new Map<number, number>();
  /** Blocks that give no slots, because they are being emptied. */
  readonly #closed = new Set<number>();
  #liveBytes = 0;

  constructor(slabs: Slabs) {
    this.#map = new BlockMap(slabs);
    this.#slots = new SlotBlocks(slabs);
    this.#open = new BlockLists(pageClass + 1, slabs.blocksMax);
    this.#class = new Uint8Array(slabs.blocksMax).fill(unusedClass);
  }

  /** Bytes of the slots and runs in use. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes of the blocks in use. */
  get usedBytes(): number {
    return this.#map.used * blockBytes;
  }

  /** The number of blocks that are not in use, with those of slabs that are not yet reserved. */
  get freeBlocks(): number {
    return this.#map.free;
  }

  /** Whether there is a free block. */
  hasFreeBlock(): boolean {
    return this.#map.reserve(1);
  }

  /**
   * Whether `blocks` blocks, among them the runs of the demands, are sure to be found, in whatever order they are taken. Single
   * blocks and runs take the first place that fits. So a run misses a place only if what was taken before fills all places
   * up to it, or overlaps two places of its length.
   */
  hasRoom(demand: Demand, blocks: number, others = nothing): boolean {
    if (!this.#map.reserve(blocks)) return false;
    const runs = demand.runs + others.runs;
    const longestRun = Math.max(demand.longestRun, others.longestRun);
    if (runs === 0) return true;
    const places = Math.ceil(blocks / longestRun) + 2 * runs + 1;
    return this.#map.reserveRuns(longestRun, places);
  }

  /** The class of each block up to the last one in use. It gives a meaning to the content of blocks; see `restore`. */
  get table(): Uint8Array {
    return this.#class.slice(0, this.#class.findLastIndex((slotClass) => slotClass !== unusedClass) + 1);
  }

  /**
   * Takes over blocks with their content, in an allocator of which nothing is in use. `table` is that of the allocator before; all
   * later blocks are unused. `visitAll` calls its argument with each slot or run in use and the bytes that are used of it. All
   * others become free. Throws Error when the slots do not fit the table; the allocator must not be used then.
   */
  restore(table: Uint8Array, visitAll: (visit: (ref: Ref, bytes: number) => void) => void): void {
    this.#class.set(table);
    const inUse = new SlotSet(table.length);
    visitAll((ref, bytes) => {
      inUse.add(ref);
      const block = blockOf(ref);
      const slotClass = this.#class[block] as number;
      if (slotClass === runClass) this.#runs.set(block, Math.ceil(bytes / blockBytes));
      if (slotClass === unusedClass || bytes > this.sizeOf(ref))
        throw new Error(`slot ${ref >>> 0} is not in a block of its size`);
    });
    for (let block = 0; block < table.length; ) block += this.#restoreBlock(block, inUse);
  }

  allocatePage(): Ref {
    return this.#allocateSlot(pageClass);
  }

  /** Memory for a record of `bytes`. Throws MemoryFullError. */
  allocateRecord(bytes: number): Ref {
    return bytes > slotBytesMax ? this.#allocateRun(bytes) : this.#allocateSlot(recordClass(bytes));
  }

  /** Frees a page or a record, which nobody may read any more. */
  free(ref: Ref): void {
    const block = blockOf(ref);
    const slotClass = this.#class[block] as number;
    if (slotClass === unusedClass)
      throw new Error(`slot ${ref >>> 0} is already free: its block is not in use`);
    if (slotClass === runClass) this.#freeRun(block);
    else this.#freeSlot(ref, block, slotClass);
  }

  /** The size of the slot, or of the run of blocks, in bytes. */
  sizeOf(ref: Ref): number {
    const block = blockOf(ref);
    const slotClass = this.#class[block] as number;
    return slotClass === runClass ? (this.#runs.get(block) as number) * blockBytes : slotBytes(slotClass);
  }

  /** Whether the slot of a record is the one that a record of `bytes` would get. */
  isSlotFor(ref: Ref, bytes: number): boolean {
    return bytes <= slotBytesMax && this.#class[blockOf(ref)] === recordClass(bytes);
  }

  /**
   * Closes the sparsest block among the first `candidates` of each list, if less than `fillMax` of it is in use: it gives no
   * slots until `reopen`. Returns -1 when there is none.
   */
  closeSparsest(fillMax: number, candidates: number): number {
    let sparsest = -1;
    let least = fillMax * blockBytes;
    for (let slotClass = 0; slotClass <= pageClass; slotClass++) {
      let block = this.#open.first(slotClass);
      // What is in the only block with room would move to a new one.
      if (block < 0 || this.#open.next(block) < 0) continue;
      for (let seen = 0; block >= 0 && seen < candidates; seen++, block = this.#open.next(block)) {
        const bytes = this.#slots.live(block) * slotBytes(slotClass);
        if (bytes >= least) continue;
        least = bytes;
        sparsest = block;
      }
    }
    if (sparsest < 0) return sparsest;
    this.#open.remove(this.#class[sparsest] as number, sparsest);
    this.#closed.add(sparsest);
    return sparsest;
  }

  /** Lets all closed blocks give slots again. */
  reopen(): void {
    for (const block of this.#closed) {
      const slotClass = this.#class[block] as number;
      if (this.#slots.hasRoom(block, slotBytes(slotClass))) this.#open.add(slotClass, block);
    }
    this.#closed.clear();
  }

  /** Whether the slots of a block are for pages. */
  holdsPages(block: number): boolean {
    return this.#class[block] === pageClass;
  }

  /** Whether a record begins at a ref and is in use, reached or not. */
  holdsRecord(ref: Ref): boolean {
    const block = blockOf(ref);
    const slotClass = this.#class[block] as number;
    if (slotClass === runClass) return this.#runs.has(block) && ref === refIn(block, 0);
    return slotClass < pageClass && this.#slots.isInUse(ref, slotBytes(slotClass));
  }

  /** The slots in use of a block of slots. */
  slotsOf(block: number): readonly Ref[] {
    return this.#slots.refs(block, slotBytes(this.#class[block] as number));
  }

  /** Bytes of a block of slots that are not in use. */
  freeBytesOf(block: number): number {
    return blockBytes - this.#slots.live(block) * slotBytes(this.#class[block] as number);
  }

  /** Throws when an invariant does not hold. Takes time in proportion to the memory; for tests and debugging. */
  verify(): void {
    let live = 0;
    let blocks = 0;
    for (let block = 0; block < this.#class.length; block++) {
      const slotClass = this.#class[block] as number;
      if (slotClass === unusedClass) continue;
      blocks++;
      if (slotClass === runClass) {
        live += (this.#runs.get(block) ?? 0) * blockBytes;
        continue;
      }
      const size = slotBytes(slotClass);
      this.#slots.verify(block, size);
      const isListed = this.#slots.hasRoom(block, size) && !this.#closed.has(block);
      if (this.#open.has(block) !== isListed) throw new Error(`block ${block} is in the wrong list`);
      live += this.#slots.live(block) * size;
    }
    if (blocks * blockBytes !== this.usedBytes || live !== this.#liveBytes) {
      throw new Error(`${blocks} blocks with ${live} bytes in use, ${this.#liveBytes} counted`);
    }
  }

  /** Returns the number of blocks that were restored: those of a run, or 1. */
  #restoreBlock(block: number, inUse: SlotSet): number {
    const slotClass = this.#class[block] as number;
    let count = 1;
    let live = 0;
    if (slotClass === runClass) {
      live = this.#runs.get(block) ?? 0;
      count = Math.max(1, live);
      this.#liveBytes += live * blockBytes;
    } else if (slotClass !== unusedClass) {
      const size = slotBytes(slotClass);
      this.#slots.restore(block, size, inUse);
      live = this.#slots.live(block);
      this.#liveBytes += live * size;
      if (live > 0 && this.#slots.hasRoom(block, size)) this.#open.add(slotClass, block);
    }
    if (live > 0) this.#map.claim(block, count);
    else this.#class[block] = unusedClass;
    return count;
  }

  #allocateSlot(slotClass: number): Ref {
    const size = slotBytes(slotClass);
    let block = this.#open.first(slotClass);
    if (block < 0) {
      block = this.#map.take(1);
      this.#class[block] = slotClass;
      this.#slots.clear(block);
      this.#open.add(slotClass, block);
    }
    const ref = this.#slots.take(block, size);
    this.#liveBytes += size;
    if (!this.#slots.hasRoom(block, size)) this.#open.remove(slotClass, block);
    return ref;
  }

  #freeSlot(ref: Ref, block: number, slotClass: number): void {
    this.#slots.free(ref);
    this.#liveBytes -= slotBytes(slotClass);
    const isOpen = this.#open.has(block);
    if (this.#slots.live(block) > 0) {
      if (!isOpen && !this.#closed.has(block)) this.#open.add(slotClass, block);
      return;
    }
    if (isOpen) this.#open.remove(slotClass, block);
    else this.#closed.delete(block);
    this.#class[block] = unusedClass;
    this.#map.release(block, 1);
  }

  #allocateRun(bytes: number): Ref {
    const count = Math.ceil(bytes / blockBytes);
    const block = this.#map.take(count);
    this.#class.fill(runClass, block, block + count);
    this.#runs.set(block, count);
    this.#liveBytes += count * blockBytes;
    return refIn(block, 0);
  }

  #freeRun(block: number): void {
    const count = this.#runs.get(block);
    if (count === undefined) throw new Error(`block ${block} is not the first of a run`);
    this.#runs.delete(block);
    this.#class.fill(unusedClass, block, block + count);
    this.#map.release(block, count);
    this.#liveBytes -= count * blockBytes;
  }
}
