import type { ChangeSet } from "../change-set.ts";
import { Fifo } from "../fifo.ts";

/** Why a watch ends with an error: its reader is too slow, the hub is closed, its signal names a reason. */
export type WatchFailure = "too-slow" | "closed" | "dismissed";

/** Why a watch ends. */
export type WatchEnd = WatchFailure | "canceled";

/**
 * What all watchers together keep in memory: what waits in their queues, and what they select. A change set that waits in
 * many queues is in memory once, and counted once.
 */
export class WatchBytes {
  #total = 0;
  #selectors = 0;

  get total(): number {
    return this.#total;
  }

  /** Those of `total` that the selectors occupy. */
  get selectors(): number {
    return this.#selectors;
  }

  /** Counts what a selector occupies; a negative number when its watch has ended. */
  addSelector(bytes: number): void {
    this.#selectors += bytes;
    this.#total += bytes;
  }

  add(set: ChangeSet): void {
    if (set.waiting++ === 0) this.#total += set.bytes;
  }

  delete(set: ChangeSet): void {
    if (--set.waiting === 0) this.#total -= set.bytes;
  }
}

/** What waits for one watcher: change sets in revision order, bounded in bytes. */
export class WatchQueue {
  readonly #bytesMax: number;
  readonly #watchBytes: WatchBytes;
  readonly #onEnd: () => void;
  readonly #sets = new Fifo<ChangeSet>();
  #bytes = 0;
  #checking = false;
  /** Whether the reader has taken something since the queue was looked at. */
  #progress = false;
  #ended: WatchEnd | undefined;
  #wake: (() => void) | undefined;

  /** `onEnd` is called at once when the queue ends, whether or not anybody still reads from it. */
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

  /** Bytes of the change sets that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  push(set: ChangeSet): void {
    if (this.#ended !== undefined) return;
    this.#sets.push(set);
    this.#bytes += set.bytes;
    this.#watchBytes.add(set);
    this.wake();
    this.#check();
  }

  /** A batch is applied in one go: a reader that takes something each turn has until twice the bound is reached. */
  #check(): void {
    if (this.#checking || !this.#moreWaitsThan(this.#bytesMax)) return;
    this.#checking = true;
    this.#progress = false;
    setImmediate(() => {
      this.#checking = false;
      if (this.#moreWaitsThan(this.#progress ? 2 * this.#bytesMax : this.#bytesMax)) this.end("too-slow");
      else this.#check();
    });
  }

  /** What waits is dropped. */
  end(reason: WatchEnd): void {
    if (this.#ended !== undefined) return;
    while (this.take() !== undefined);
    this.#ended = reason;
    this.#onEnd();
    this.wake();
  }

  /** Takes what has waited longest; undefined when nothing waits. */
  take(): ChangeSet | undefined {
    const set = this.#sets.shift();
    if (set === undefined) return undefined;
    this.#bytes -= set.bytes;
    this.#watchBytes.delete(set);
    this.#progress = true;
    return set;
  }

  /** Resolves when something waits, the queue has ended, or `wake` is called; undefined: it does already. For one reader. */
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

  /** One transaction alone is never too much, however large it is. */
  #moreWaitsThan(bytes: number): boolean {
    return this.#sets.length > 1 && this.#bytes > bytes;
  }
}
