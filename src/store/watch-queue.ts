import type { ChangeSet } from "./watch-history.ts";

/** Why a watch ends. */
export type WatchEnd = "too-slow" | "closed" | "canceled";

/** What waits for one watcher: change sets in revision order, bounded in bytes. */
export class WatchQueue {
  readonly #bytesMax: number;
  readonly #onEnd: () => void;
  #sets: ChangeSet[] = [];
  #bytes = 0;
  #checking = false;
  #ended: WatchEnd | undefined;
  #wake: (() => void) | undefined;

  /** `onEnd` is called at once when the queue ends, whether or not anybody still reads from it. */
  constructor(bytesMax: number, onEnd: () => void) {
    this.#bytesMax = bytesMax;
    this.#onEnd = onEnd;
  }

  get ended(): WatchEnd | undefined {
    return this.#ended;
  }

  push(set: ChangeSet): void {
    this.#sets.push(set);
    this.#bytes += set.bytes;
    this.wake();
    if (this.#checking || !this.#tooMuchWaits()) return;
    // A batch is applied in one go. Its reader must have had a turn before it is called slow.
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      if (this.#tooMuchWaits()) this.end("too-slow");
    });
  }

  /** What waits is dropped. */
  end(reason: WatchEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#sets = [];
    this.#onEnd();
    this.wake();
  }

  /** Takes all that waits; empty when there is nothing. */
  take(): readonly ChangeSet[] {
    const sets = this.#sets;
    this.#sets = [];
    this.#bytes = 0;
    return sets;
  }

  /** Resolves when something waits, the queue has ended, or `wake` is called. For one reader. */
  async wait(): Promise<void> {
    if (this.#sets.length > 0 || this.#ended !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** One transaction alone is never too much, however large it is. */
  #tooMuchWaits(): boolean {
    return this.#sets.length > 1 && this.#bytes > this.#bytesMax;
  }
}
