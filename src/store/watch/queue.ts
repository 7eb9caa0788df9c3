import type { ChangeSet } from "../change-set.ts";
import type { Entry } from "../entry.ts";
import { Fifo } from "../fifo.ts";

/** Why a watch ends with an error: its reader is too slow, the hub is closed, its signal names a reason. */
export type WatchFailure = "too-slow" | "closed" | "dismissed";

/** Why a watch ends. */
export type WatchEnd = WatchFailure | "canceled";

/** What a change set occupies in each queue in which it waits: its place in the array, which grows by halves. */
const placeBytes = 16;

/** What an overwritten entry occupies in each snapshot that keeps it: its places in a map and in an index of keys. */
const keptPlaceBytes = 160;

/**
 * Counts the memory that all watches take together: queued change sets, overwritten entries that snapshots keep, and
 * selectors. A change set in several queues is in memory once and counts once, as does an entry in several snapshots;
 * its place in each counts, too.
 */
export class WatchBytes {
  #total = 0;
  #selectors = 0;
  /** The number of snapshots that keep an entry. */
  readonly #keepers = new Map<Entry, number>();

  get total(): number {
    return this.#total;
  }

  /** The part of `total` that selectors take. */
  get selectors(): number {
    return this.#selectors;
  }

  /** Adds the size of a selector; a negative number removes it. */
  addSelector(bytes: number): void {
    this.#selectors += bytes;
    this.#total += bytes;
  }

  keep(entry: Entry): void {
    const keepers = this.#keepers.get(entry) ?? 0;
    this.#keepers.set(entry, keepers + 1);
    this.#total += keepers === 0 ? entry.bytes + keptPlaceBytes : keptPlaceBytes;
  }

  leave(entry: Entry): void {
    const keepers = (this.#keepers.get(entry) as number) - 1;
    if (keepers > 0) this.#keepers.set(entry, keepers);
    else this.#keepers.delete(entry);
    this.#total -= keepers === 0 ? entry.bytes + keptPlaceBytes : keptPlaceBytes;
  }

  add(set: ChangeSet): void {
    this.#total += set.waiting++ === 0 ? set.bytes + placeBytes : placeBytes;
  }

  delete(set: ChangeSet): void {
    this.#total -= --set.waiting === 0 ? set.bytes + placeBytes : placeBytes;
  }
}

/** The change sets that wait for one watcher, in revision order, bounded in bytes. */
export class WatchQueue {
  readonly #bytesMax: number;
  readonly #watchBytes: WatchBytes;
  readonly #onEnd: () => void;
  readonly #sets = new Fifo<ChangeSet>();
  #bytes = 0;
  #keptBytes = 0;
  #checking = false;
  /** Whether the reader has taken a change set since the last check. */
  #progress = false;
  #ended: WatchEnd | undefined;
  #wake: (() => void) | undefined;

  /** `onEnd` is called when the queue ends, at once and whether or not a reader is left. */
  constructor(bytesMax: number, watchBytes: WatchBytes, onEnd: () => void) {
    this.#bytesMax = bytesMax;
    this.#watchBytes = watchBytes;
    this.#onEnd = onEnd;
  }

  get ended(): WatchEnd | undefined {
    return this.#ended;
  }

  get isEmpty(): boolean {
    return this.#sets.length === 0;
  }

  /** Bytes of the queued change sets and of the overwritten entries that are kept for the reader. */
  get bytes(): number {
    return this.#bytes + this.#keptBytes;
  }

  /** Counts an overwritten entry that the reader's snapshot keeps. */
  keep(entry: Entry): void {
    this.#keptBytes += entry.bytes;
    this.#watchBytes.keep(entry);
  }

  /** Must be called when the snapshot no longer keeps the entry. */
  leave(entry: Entry): void {
    this.#keptBytes -= entry.bytes;
    this.#watchBytes.leave(entry);
  }

  /** Of the change set that has waited longest; undefined when none waits. */
  get oldestRevision(): number | undefined {
    return this.#sets.at(0)?.revision;
  }

  push(set: ChangeSet): void {
    if (this.#ended !== undefined) return;
    this.#sets.push(set);
    this.#bytes += set.bytes;
    this.#watchBytes.add(set);
    this.wake();
    this.#check();
  }

  /**
   * Ends the queue when the reader is too slow. A batch is applied in one turn of the event loop, so a reader gets a
   * turn before it is judged. A reader that makes progress may exceed the limit twofold.
   */
  #check(): void {
    if (this.#checking || !this.#exceeds(this.#bytesMax)) return;
    this.#checking = true;
    this.#progress = false;
    setImmediate(() => {
      this.#checking = false;
      if (this.#exceeds(this.#progress ? 2 * this.#bytesMax : this.#bytesMax)) this.end("too-slow");
      else this.#check();
    });
  }

  /** Ends the queue and drops the queued change sets. Only the first call counts. */
  end(reason: WatchEnd): void {
    if (this.#ended !== undefined) return;
    while (this.take() !== undefined);
    this.#ended = reason;
    this.#onEnd();
    this.wake();
  }

  /** Removes and returns the oldest change set; undefined when the queue is empty. */
  take(): ChangeSet | undefined {
    const set = this.#sets.shift();
    if (set === undefined) return undefined;
    this.#bytes -= set.bytes;
    this.#watchBytes.delete(set);
    this.#progress = true;
    return set;
  }

  /**
   * Resolves when a change set is queued, the queue has ended, or `wake` is called; undefined when that is so already.
   * For one reader.
   */
  wait(): Promise<void> | undefined {
    if (!this.isEmpty || this.#ended !== undefined) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** A single transaction is always accepted, however large it is. */
  #exceeds(bytes: number): boolean {
    return this.#sets.length > 1 && this.#bytes > bytes;
  }
}
