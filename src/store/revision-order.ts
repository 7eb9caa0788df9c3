import { Slice } from "./give-way.ts";

/** About the number of items that are sorted at once, which takes well under a millisecond. */
const runLength = 500;

/** Sorted items. Those before `position` have been taken and are no longer kept in memory. */
interface Run<Item> {
  readonly items: (Item | undefined)[];
  position: number;
}

/**
 * Entries, or what stands for them, in order of revision. Sorting all of them at once would block the event loop for
 * seconds. So they are sorted in short runs, with a yield to the event loop after each, and the runs are merged as items
 * are taken.
 */
export class RevisionOrder<Item> {
  readonly #revisionOf: (item: Item) => number;
  /** A binary heap, ordered by the revision of each run's next item. The smallest is at index 0. */
  readonly #heap: Run<Item>[];

  private constructor(runs: Run<Item>[], revisionOf: (item: Item) => number) {
    this.#revisionOf = revisionOf;
    this.#heap = runs;
    for (let index = (runs.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /**
   * Reads all items; where one is undefined, others may have their turn. Takes 8 bytes of memory for each item. Rejects
   * when the signal is aborted.
   */
  static async of<Item>(
    items: Iterable<Item | undefined>,
    revisionOf: (item: Item) => number,
    signal: AbortSignal,
  ): Promise<RevisionOrder<Item>> {
    const toRun = (unsorted: readonly Item[]): Run<Item> => ({
      items: unsorted.toSorted((a, b) => revisionOf(a) - revisionOf(b)),
      position: 0,
    });
    const runs: Run<Item>[] = [];
    const slice = new Slice();
    let run: Item[] = [];
    for (const item of items) {
      if (item !== undefined) {
        run.push(item);
        continue;
      }
      if (run.length >= runLength) {
        runs.push(toRun(run));
        run = [];
      }
      // Also where there are no items for long: writers may add more keys than a slice has time for.
      if (!slice.isOver) continue;
      await slice.giveWay();
      signal.throwIfAborted();
    }
    if (run.length > 0) runs.push(toRun(run));
    return new RevisionOrder(runs, revisionOf);
  }

  /** Removes and returns the item with the lowest revision; undefined when all have been taken. */
  take(): Item | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return undefined;
    const item = first.items[first.position];
    first.items[first.position++] = undefined;
    if (first.position === first.items.length) {
      const last = heap.pop() as Run<Item>;
      if (heap.length > 0) heap[0] = last;
    }
    this.#sink(0);
    return item;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const run = heap[from];
    if (run === undefined) return;
    const revision = this.#nextRevision(run);
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#nextRevision(heap[child + 1]) < this.#nextRevision(heap[child]))
        child++;
      if (this.#nextRevision(heap[child]) >= revision) break;
      heap[index] = heap[child] as Run<Item>;
      index = child;
    }
    heap[index] = run;
  }

  #nextRevision(run: Run<Item> | undefined): number {
    const item = run?.items[run.position];
    return item === undefined ? Number.POSITIVE_INFINITY : this.#revisionOf(item);
  }
}
