import type { Entry } from "./entry.ts";
import { Slice } from "./give-way.ts";
import { prefixRange } from "./key-range.ts";
import type { Snapshot } from "./snapshot.ts";

/** About the number of entries that are sorted at once, which takes well under a millisecond. */
const runLength = 500;

/** Sorted entries. Those before `position` have been taken and are no longer kept in memory. */
interface Run {
  readonly entries: (Entry | undefined)[];
  position: number;
}

/**
 * The entries of a snapshot in order of revision. Sorting all of them at once would block the event loop for seconds.
 * So they are sorted in short runs, with a yield to the event loop after each, and the runs are merged as entries are
 * taken.
 */
export class RevisionOrder {
  /** A binary heap, ordered by the revision of each run's next entry. The smallest is at index 0. */
  readonly #heap: Run[];

  private constructor(runs: Run[]) {
    this.#heap = runs;
    for (let index = (runs.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /**
   * Reads all entries of the snapshot; the store may change meanwhile. Takes 8 bytes of memory for each entry.
   * Rejects when the signal is aborted.
   */
  static async of(snapshot: Snapshot, signal: AbortSignal): Promise<RevisionOrder> {
    const runs: Run[] = [];
    const slice = new Slice();
    let entries: Entry[] = [];
    for (const keys of snapshot.keySlices(prefixRange(""))) {
      for (const key of keys) {
        const entry = snapshot.get(key);
        if (entry !== undefined) entries.push(entry);
      }
      if (entries.length >= runLength) {
        runs.push(toRun(entries));
        entries = [];
      }
      // Also among keys of which none belongs to the snapshot: writers may add more than a slice has time for.
      if (!slice.isOver) continue;
      await slice.giveWay();
      signal.throwIfAborted();
    }
    if (entries.length > 0) runs.push(toRun(entries));
    return new RevisionOrder(runs);
  }

  /** Removes and returns the entry with the lowest revision; undefined when all entries have been taken. */
  take(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return undefined;
    const entry = first.entries[first.position];
    first.entries[first.position++] = undefined;
    if (first.position === first.entries.length) {
      const last = heap.pop() as Run;
      if (heap.length > 0) heap[0] = last;
    }
    this.#sink(0);
    return entry;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const run = heap[from];
    if (run === undefined) return;
    const revision = revisionOf(run);
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && revisionOf(heap[child + 1]) < revisionOf(heap[child])) child++;
      if (revisionOf(heap[child]) >= revision) break;
      heap[index] = heap[child] as Run;
      index = child;
    }
    heap[index] = run;
  }
}

function toRun(entries: Entry[]): Run {
  return { entries: entries.toSorted((a, b) => a.revision - b.revision), position: 0 };
}

function revisionOf(run: Run | undefined): number {
  return run?.entries[run.position]?.revision ?? Number.POSITIVE_INFINITY;
}
