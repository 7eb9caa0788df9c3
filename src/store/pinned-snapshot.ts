import type { Entry } from "./entry.ts";
import { type KeyRange, prefixRange } from "./key-range.ts";
import type { Records } from "./memory/records.ts";
import { noRef, type Ref } from "./memory/slabs.ts";
import { RevisionOrder } from "./revision-order.ts";
import type { EntrySource, Snapshot } from "./snapshot.ts";
import { toByteRange } from "./tree/byte-range.ts";
import type { TreeSnapshot } from "./tree/tree.ts";

/** The number of entries that are read between two places where others may have their turn. */
const sliceLength = 64;

/**
 * A snapshot of a tree: a pinned version. It copies nothing, but the memory of what it reaches is not used again. When it
 * exceeds its bounds, it is ended, and throws SNAPSHOT_TOO_SLOW when it is read.
 */
export class PinnedSnapshot implements Snapshot {
  readonly #snapshot: TreeSnapshot;
  readonly #records: Pick<Records, "revision">;
  readonly #entryOf: (ref: Ref, key?: string) => Entry;

  /** `entryOf` makes an entry of a record, whose key it may be given. */
  constructor(
    snapshot: TreeSnapshot,
    records: Pick<Records, "revision">,
    entryOf: (ref: Ref, key?: string) => Entry,
  ) {
    this.#snapshot = snapshot;
    this.#records = records;
    this.#entryOf = entryOf;
  }

  get revision(): number {
    return this.#snapshot.view.revision;
  }

  get(key: string): Entry | undefined {
    const ref = this.#snapshot.view.find(key);
    return ref === noRef ? undefined : this.#entryOf(ref, key);
  }

  *scan(range: KeyRange): Generator<Entry | undefined, void> {
    for (const ref of this.#refs(range)) yield ref === undefined ? ref : this.#entryOf(ref);
  }

  /** Takes 8 bytes of memory for each entry. */
  async byRevision(signal: AbortSignal): Promise<EntrySource> {
    const { view } = this.#snapshot;
    const revisionOf = (ref: Ref) => this.#records.revision(ref);
    const order = await RevisionOrder.of(this.#refs(prefixRange("")), revisionOf, signal);
    return {
      take: () => {
        view.check();
        const ref = order.take();
        return ref === undefined ? ref : this.#entryOf(ref);
      },
    };
  }

  release(): void {
    this.#snapshot.release();
  }

  *#refs(range: KeyRange): Generator<Ref | undefined, void> {
    let read = 0;
    for (const ref of this.#snapshot.view.refs(toByteRange(range), false)) {
      yield ref;
      if (++read % sliceLength === 0) yield undefined;
    }
  }
}
