import { type Entry, entryOverheadBytes } from "./entry.ts";
import { KeyIndex, keySlices } from "./key-index.ts";
import { type KeyRange, prefixRange } from "./key-range.ts";
import { RevisionOrder } from "./revision-order.ts";
import type { EntrySource, Snapshot, SnapshotBounds } from "./snapshot.ts";

export interface MapSnapshotOptions extends SnapshotBounds {
  readonly revision: number;
  /** The keys that the store has now, in key order; see `KeyIndex.scan`. */
  readonly keys: (range: KeyRange) => Iterator<string>;
  readonly current: (key: string) => Entry | undefined;
  readonly onRelease: () => void;
}

/**
 * A snapshot by copy on write: it keeps each entry that is overwritten or deleted later, and reads all others from the
 * store. Taking a snapshot costs nothing; keeping it costs memory for each entry that changes.
 */
export class MapSnapshot implements Snapshot {
  readonly revision: number;
  readonly #options: MapSnapshotOptions;
  /** Entries of this revision that were overwritten or deleted since. */
  readonly #overwritten = new Map<string, Entry>();
  /** Keys of #overwritten that were deleted. Some of them may have been put again. */
  #deletedKeys = new KeyIndex();
  #keptBytes = 0;
  /** Entries with a revision up to this one are no longer kept; see `#pass`. */
  #passed = 0;

  constructor(options: MapSnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
  }

  get(key: string): Entry | undefined {
    const entry = this.#overwritten.get(key) ?? this.#options.current(key);
    return entry !== undefined && entry.revision <= this.revision ? entry : undefined;
  }

  /** Between two slices of keys undefined is yielded, also when none of the keys belongs to the snapshot. */
  *scan(range: KeyRange): Generator<Entry | undefined, void> {
    const present = this.#options.keys;
    const deleted = (rest: KeyRange) => this.#deletedKeys.scan(rest, false);
    for (const keys of keySlices(range, false, present, deleted)) {
      for (const key of keys) {
        const entry = this.get(key);
        if (entry !== undefined) yield entry;
      }
      yield undefined;
    }
  }

  /** Takes 8 bytes of memory for each entry. An entry that was taken is no longer kept. */
  async byRevision(signal: AbortSignal): Promise<EntrySource> {
    const order = await RevisionOrder.of(this.scan(prefixRange("")), ({ revision }) => revision, signal);
    return {
      take: () => {
        const entry = order.take();
        if (entry !== undefined) this.#pass(entry);
        return entry;
      },
    };
  }

  /** The store calls this before it changes `key` from `entry` to `next`. */
  keep(key: string, entry: Entry | undefined, next: Entry | undefined): void {
    const { selects, keptBytesMax, onTooLarge, onKept } = this.#options;
    // A later entry is not part of the snapshot. A touch does not change an entry's revision, so several changes of a
    // key may count; the entry before the first is kept.
    const isPart = entry !== undefined && entry.revision <= this.revision && entry.revision > this.#passed;
    if (isPart && selects(key)) {
      const kept = this.#overwritten.get(key);
      if (kept === undefined) {
        this.#overwritten.set(key, entry);
        onKept(entry);
      }
      this.#keptBytes += ownBytes(kept ?? entry, next) - (kept === undefined ? 0 : ownBytes(kept, entry));
    }
    if (next === undefined && this.#overwritten.has(key)) this.#deletedKeys.add(key);
    if (this.#keptBytes > keptBytesMax) onTooLarge();
  }

  release(): void {
    this.#options.onRelease();
    for (const entry of this.#overwritten.values()) this.#options.onLeft(entry);
    this.#overwritten.clear();
    this.#deletedKeys = new KeyIndex();
    this.#keptBytes = 0;
  }

  /** Releases the copy of `entry`. It and earlier ones are not read again. */
  #pass(entry: Entry): void {
    this.#passed = entry.revision;
    const kept = this.#overwritten.get(entry.key);
    if (kept === undefined) return;
    this.#overwritten.delete(entry.key);
    this.#deletedKeys.delete(entry.key);
    this.#keptBytes -= ownBytes(kept, this.#options.current(entry.key));
    this.#options.onLeft(kept);
  }
}

/** The bytes of a kept entry that the store does not hold: after touches alone, `current` shares its value. */
function ownBytes(kept: Entry, current: Entry | undefined): number {
  return current?.revision === kept.revision ? entryOverheadBytes : kept.bytes;
}
