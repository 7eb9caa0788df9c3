import type { Ref } from "../memory/slabs.ts";

const capacityMin = 1024;
/** The number of items that are looked at for each record that left. More than two, so that stale ones become fewer. */
const sweepSteps = 4;

/** What an item says: the record at `ref`, of this revision (its low 32 bits), expires at this time. */
type Check = (ref: Ref, expireTime: number, revision: number) => boolean;

/**
 * Records by expire time, in milliseconds since 1970 UTC: a binary heap in typed arrays, 16 bytes an item. Only the thread
 * that writes has one.
 *
 * An item stays when its record leaves the tree; it is stale then. Stale items are dropped when they come to the top, and
 * swept out a few at a time while they are more than half of all. So no step takes long.
 */
export class ExpiryHeap {
  /** False only if the item is stale. Need not see all that are. */
  readonly #mayHold: Check;
  /** Whether the item is not stale. */
  readonly #holds: Check;
  #times = new Float64Array(capacityMin);
  #refs = new Int32Array(capacityMin);
  #revisions = new Int32Array(capacityMin);
  #size = 0;
  /** The number of stale items. Some may hold again, when a record comes to a place where it was before. */
  #stale = 0;
  /** The sweep goes from the end to the top, and begins again. */
  #sweepIndex = 0;

  constructor(mayHold: Check, holds: Check) {
    this.#mayHold = mayHold;
    this.#holds = holds;
  }

  /** The number of items, with the stale ones. */
  get size(): number {
    return this.#size;
  }

  /** The memory of the items. */
  get bytes(): number {
    return this.#times.byteLength + this.#refs.byteLength + this.#revisions.byteLength;
  }

  add(expireTime: number, ref: Ref, revision: number): void {
    if (this.#size === this.#times.length) this.#resize(2 * this.#size);
    this.#rise(this.#size++, expireTime, ref, revision | 0);
  }

  /** A record that was added has left the tree, or has moved. */
  leave(): void {
    this.#stale++;
    for (let step = 0; step < sweepSteps && 2 * this.#stale > this.#size; step++) this.#sweep();
  }

  /** At most `limit` records that have expired at `now`, those with the oldest expire time first. They stay. */
  expired(now: number, limit: number): readonly Ref[] {
    const refs: Ref[] = [];
    const times: number[] = [];
    const revisions: number[] = [];
    while (refs.length < limit && this.#size > 0 && (this.#times[0] as number) <= now) {
      const time = this.#times[0] as number;
      const ref = this.#refs[0] as Ref;
      const revision = this.#revisions[0] as number;
      this.#removeAt(0);
      // A record that came to the same place twice has two items, one after the other.
      const isTwice = ref === refs.at(-1) && time === times.at(-1);
      if (isTwice || !this.#holds(ref, time, revision)) {
        this.#stale = Math.max(0, this.#stale - 1);
        continue;
      }
      refs.push(ref);
      times.push(time);
      revisions.push(revision);
    }
    for (const [index, ref] of refs.entries()) {
      this.add(times[index] as number, ref, revisions[index] as number);
    }
    return refs;
  }

  #sweep(): void {
    if (this.#sweepIndex === 0 || this.#sweepIndex > this.#size) this.#sweepIndex = this.#size;
    const index = --this.#sweepIndex;
    const [time, ref, revision] = [this.#times[index], this.#refs[index], this.#revisions[index]];
    if (this.#mayHold(ref as Ref, time as number, revision as number)) return;
    this.#removeAt(index);
    this.#stale--;
  }

  #removeAt(index: number): void {
    const last = --this.#size;
    if (index < last) {
      const time = this.#times[last] as number;
      const ref = this.#refs[last] as Ref;
      const revision = this.#revisions[last] as number;
      if (index > 0 && this.#isBefore(time, ref, (index - 1) >>> 1)) this.#rise(index, time, ref, revision);
      else this.#sink(index, time, ref, revision);
    }
    if (last < this.#times.length / 4 && last >= capacityMin) this.#resize(this.#times.length / 2);
  }

  /** Puts an item at an index, or above. */
  #rise(start: number, time: number, ref: Ref, revision: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!this.#isBefore(time, ref, parent)) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#set(index, time, ref, revision);
  }

  /** Puts an item at an index, or below. */
  #sink(start: number, time: number, ref: Ref, revision: number): void {
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#size) break;
      const other = child + 1;
      if (
        other < this.#size &&
        this.#isBefore(this.#times[other] as number, this.#refs[other] as Ref, child)
      ) {
        child = other;
      }
      if (this.#isBefore(time, ref, child)) break;
      this.#move(child, index);
      index = child;
    }
    this.#set(index, time, ref, revision);
  }

  /** Whether an item with this time and ref is before the one at an index. Items of one time are in the order of refs. */
  #isBefore(time: number, ref: Ref, index: number): boolean {
    const other = this.#times[index] as number;
    return time < other || (time === other && ref < (this.#refs[index] as Ref));
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from] as number, this.#refs[from] as Ref, this.#revisions[from] as number);
  }

  #set(index: number, time: number, ref: Ref, revision: number): void {
    this.#times[index] = time;
    this.#refs[index] = ref;
    this.#revisions[index] = revision;
  }

  #resize(capacity: number): void {
    const times = new Float64Array(capacity);
    const refs = new Int32Array(capacity);
    const revisions = new Int32Array(capacity);
    times.set(this.#times.subarray(0, this.#size));
    refs.set(this.#refs.subarray(0, this.#size));
    revisions.set(this.#revisions.subarray(0, this.#size));
    this.#times = times;
    this.#refs = refs;
    this.#revisions = revisions;
  }
}
