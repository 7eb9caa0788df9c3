import { type Entry, entryOverheadBytes } from "./entry.ts";
import { KeyIndex, keySlices } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";

/** Limits for the overwritten entries that a snapshot keeps. */
export interface SnapshotBounds {
  /** The keys that will be read. The snapshot keeps overwritten entries of these keys only. */
  readonly selects: (key: string) => boolean;
  readonly keptBytesMax: number;
  /** Called when more than `keptBytesMax` is kept. It should release the snapshot. */
  readonly onTooLarge: () => void;
  /** Called with each overwritten entry when the snapshot begins and when it ceases to keep it. */
  readonly onKept: (entry: Entry) => void;
  readonly onLeft: (entry: Entry) => void;
}

export const unbounded: SnapshotBounds = {
  selects: () => true,
  keptBytesMax: Number.POSITIVE_INFINITY,
  onTooLarge: () => {},
  onKept: () => {},
  onLeft: () => {},
};

export interface SnapshotOptions extends SnapshotBounds {
  readonly revision: number;
  /** The keys that the store has now, in key order; see `KeyIndex.scan`. */
  readonly keys: (range: KeyRange) => Iterator<string>;
  readonly current: (key: string) => Entry | undefined;
  readonly onRelease: () => void;
}

/**
 * The state of a store at one revision, by copy on write: it keeps each entry that is overwritten or deleted later,
 * and reads all others from the store. Taking a snapshot costs nothing; keeping it costs memory for each entry that
 * changes.
 */
export class Snapshot {
  readonly revision: number;
  readonly #options: SnapshotOptions;
  /** Entries of this revision that were overwritten or deleted since. */
  readonly #overwritten = new Map<string, Entry>();
  /** Keys of #overwritten that were deleted. Some of them may have been put again. */
  #deletedKeys = new KeyIndex();
  #keptBytes = 0;
  /** Entries with a revision up to this one are no longer kept; see `pass`. */
  #passed = 0;

  constructor(options: SnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
  }

  get(key: string): Entry | undefined {
    const entry = this.#overwritten.get(key) ?? this.#options.current(key);
    return entry !== undefined && entry.revision <= this.revision ? entry : undefined;
  }

  /** The entries in key order. Lazy; the store may change during the scan. */
  *scan(range: KeyRange): Generator<Entry, void> {
    for (const keys of this.keySlices(range)) {
      for (const key of keys) {
        const entry = this.get(key);
        if (entry !== undefined) yield entry;
      }
    }
  }

  /**
   * The keys of all entries in key order, in short slices; keys that are not in the snapshot may be among them. The
   * store may change between slices, and the caller can yield between them even when no key belongs to the snapshot.
   */
  keySlices(range: KeyRange): Generator<readonly string[], void> {
    return keySlices(range, false, this.#options.keys, (rest) => this.#deletedKeys.scan(rest, false));
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

  /**
   * Releases the copy of `entry`. For a reader in order of revision: it never asks again for this entry or an earlier
   * one.
   */
  pass(entry: Entry): void {
    this.#passed = entry.revision;
    const kept = this.#overwritten.get(entry.key);
    if (kept === undefined) return;
    this.#overwritten.delete(entry.key);
    this.#deletedKeys.delete(entry.key);
    this.#keptBytes -= ownBytes(kept, this.#options.current(entry.key));
    this.#options.onLeft(kept);
  }

  /** Must be called when the snapshot is no longer needed. The snapshot must not be read afterwards. */
  release(): void {
    this.#options.onRelease();
    for (const entry of this.#overwritten.values()) this.#options.onLeft(entry);
    this.#overwritten.clear();
    this.#deletedKeys = new KeyIndex();
    this.#keptBytes = 0;
  }
}

/** The bytes of a kept entry that the store does not hold: after touches alone, `current` shares its value. */
function ownBytes(kept: Entry, current: Entry | undefined): number {
  return current?.revision === kept.revision ? entryOverheadBytes : kept.bytes;
}
