import { blockBytes, blockOf, noRef, type Ref, refIn, type Slabs, unitBytes, wordOf } from "./slabs.ts";
import type { SlotSet } from "./slot-set.ts";

/** The first word of a free slot. No record and no page begins with it. */
const freeMark = -1;

/**
 * The slots of each block. All slots of a block have the same size, which the caller knows.
 *
 * A slot is free or in use. A free slot has `freeMark` in its first word and the ref of the next free slot of its block in the
 * second. Slots that were never in use follow the carved ones and are in no list.
 */
export class SlotBlocks {
  readonly #slabs: Slabs;
  /** The number of slots in use, by block. */
  readonly #live: Uint16Array;
  readonly #firstFree: Int32Array;
  /** Where the slots begin that were never in use, in units. */
  readonly #carved: Uint16Array;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
    this.#live = new Uint16Array(slabs.blocksMax);
    this.#firstFree = new Int32Array(slabs.blocksMax);
    this.#carved = new Uint16Array(slabs.blocksMax);
  }

  /** Makes all of a block unused. */
  clear(block: number): void {
    this.#live[block] = 0;
    this.#firstFree[block] = noRef;
    this.#carved[block] = 0;
  }

  /** Makes the slots of a set those in use. The block must not be in use. */
  restore(block: number, size: number, inUse: SlotSet): void {
    this.clear(block);
    const step = size / unitBytes;
    // Those before the next slot in use; what follows the last one counts as never used.
    let free: Ref[] = [];
    for (let unit = 0; (unit + step) * unitBytes <= blockBytes; unit += step) {
      const ref = refIn(block, unit);
      if (!inUse.has(ref)) {
        free.push(ref);
        continue;
      }
      for (const each of free) this.#addFree(block, each);
      free = [];
      this.#live[block] = this.live(block) + 1;
      this.#carved[block] = unit + step;
    }
  }

  /** The number of slots in use. */
  live(block: number): number {
    return this.#live[block] as number;
  }

  hasRoom(block: number, size: number): boolean {
    return (
      this.#firstFree[block] !== noRef || (this.#carved[block] as number) * unitBytes + size <= blockBytes
    );
  }

  /** Takes a slot of a block that has room. */
  take(block: number, size: number): Ref {
    this.#live[block] = this.live(block) + 1;
    const free = this.#firstFree[block] as Ref;
    if (free !== noRef) {
      this.#firstFree[block] = this.#nextFree(free);
      return free;
    }
    const unit = this.#carved[block] as number;
    this.#carved[block] = unit + size / unitBytes;
    return refIn(block, unit);
  }

  /** Frees a slot, to which something was written since it was taken. Throws when it is free already. */
  free(ref: Ref): void {
    if (this.#isFree(ref)) throw new Error(`slot ${ref >>> 0} is already free`);
    const block = blockOf(ref);
    this.#addFree(block, ref);
    this.#live[block] = this.live(block) - 1;
  }

  /** Whether a slot of `size` begins at a ref, and is in use. */
  isInUse(ref: Ref, size: number): boolean {
    const block = blockOf(ref);
    const unit = ref - refIn(block, 0);
    const isCarved = unit < (this.#carved[block] as number);
    return isCarved && unit % (size / unitBytes) === 0 && !this.#isFree(ref);
  }

  /** The slots in use. */
  refs(block: number, size: number): Ref[] {
    const refs: Ref[] = [];
    for (let unit = 0; unit < (this.#carved[block] as number); unit += size / unitBytes) {
      const ref = refIn(block, unit);
      if (!this.#isFree(ref)) refs.push(ref);
    }
    return refs;
  }

  /** Throws when the counts and the list of free slots do not fit each other. */
  verify(block: number, size: number): void {
    const used = this.refs(block, size).length;
    let free = 0;
    for (let ref = this.#firstFree[block] as Ref; ref !== noRef; ref = this.#nextFree(ref)) {
      if (!this.#isFree(ref) || blockOf(ref) !== block)
        throw new Error(`block ${block}: free list has slot ${ref >>> 0}`);
      free++;
    }
    const carved = ((this.#carved[block] as number) * unitBytes) / size;
    if (used !== this.live(block) || used + free !== carved) {
      throw new Error(
        `block ${block}: ${used} slots in use, ${free} free, ${carved} carved, ${this.live(block)} counted`,
      );
    }
  }

  #addFree(block: number, ref: Ref): void {
    const words = this.#slabs.wordsOf(ref);
    words[wordOf(ref)] = freeMark;
    words[wordOf(ref) + 1] = this.#firstFree[block] as Ref;
    this.#firstFree[block] = ref;
  }

  #nextFree(ref: Ref): Ref {
    return this.#slabs.wordsOf(ref)[wordOf(ref) + 1] as Ref;
  }

  #isFree(ref: Ref): boolean {
    return this.#slabs.wordsOf(ref)[wordOf(ref)] === freeMark;
  }
}
