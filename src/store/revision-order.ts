import type { Entry } from "./entry.ts";
import { giveWay } from "./give-way.ts";
import { prefixRange } from "./key-range.ts";
import type { Snapshot } from "./snapshot.ts";

/** Entries that are sorted in one go, in well under a millisecond. */
const runLength = 500;

/** Sorted entries, and how many of them are taken, which are then no longer kept in memory. */
interface Run {
  readonly entries: (Entry | undefined)[];
  position: number;
}

/**
 * The entries of a snapshot in order of revision. Sorting all at once would stop everything else for seconds, so they are
 * sorted in short runs, between which others get their turn, and merged as they are taken.
 */
export class RevisionOrder {
  /** A heap: the run at `index` has no later next entry than those at `2 * index + 1` and `2 * index + 2`. */
  readonly #heap: Run[];

  private constructor(runs: Run[]) {
    this.#heap = runs;
    for (let index = (runs.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /** Reads the snapshot while the store may change. It holds 8 bytes an entry. Rejects when the signal is aborted. */
  static async of(snapshot: Snapshot, signal: AbortSignal): Promise<RevisionOrder> {
    const runs: Run[] = [];
    let entries: Entry[] = [];
    for (const entry of snapshot.scan(prefixRange(""))) {
      entries.push(entry);
      if (entries.length < runLength) continue;
      runs.push(toRun(entries));
      entries = [];
      await giveWay();
      signal.throwIfAborted();
    }
    if (entries.length > 0) runs.push(toRun(entries));
    return new RevisionOrder(runs);
  }

  /** Undefined when all are taken. */
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
