import type { Entry } from "./entry.ts";
import { KeyIndex, keySlices } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";

/** What a snapshot keeps of the entries that are overwritten. */
export interface SnapshotBounds {
  /** Which keys will be asked for: only they are kept. */
  readonly selects: (key: string) => boolean;
  readonly keptBytesMax: number;
  /** Called when more is kept than `keptBytesMax`. It should release the snapshot. */
  readonly onTooLarge: () => void;
}

export const unbounded: SnapshotBounds = {
  selects: () => true,
  keptBytesMax: Number.POSITIVE_INFINITY,
  onTooLarge: () => {},
};

export interface SnapshotOptions extends SnapshotBounds {
  readonly revision: number;
  /** Of the store, as it is at each moment. */
  readonly index: KeyIndex;
  readonly current: (key: string) => Entry | undefined;
  readonly onRelease: () => void;
}

/**
 * The state of a store at one revision: what the store has now, and the entries that were overwritten or deleted since,
 * remembered as they went. Taking one costs nothing; keeping it costs as much as has changed since.
 */
export class Snapshot {
  readonly revision: number;
  readonly #options: SnapshotOptions;
  /** Entries of this revision that were overwritten or deleted since. */
  readonly #overwritten = new Map<string, Entry>();
  /** Their keys, as far as they were deleted. Some may be there again. */
  #deletedKeys = new KeyIndex();
  #keptBytes = 0;
  /** Entries of revisions up to this one are no longer kept. */
  #passed = 0;

  constructor(options: SnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
  }

  get(key: string): Entry | undefined {
    const entry = this.#overwritten.get(key) ?? this.#options.current(key);
    return entry !== undefined && entry.revision <= this.revision ? entry : undefined;
  }

  /** Entries in key order, lazily; the store may change meanwhile. */
  *scan(range: KeyRange): Generator<Entry, void> {
    for (const keys of this.keySlices(range)) {
      for (const key of keys) {
        const entry = this.get(key);
        if (entry !== undefined) yield entry;
      }
    }
  }

  /**
   * The keys of all entries, and maybe others, in key order; the store may change meanwhile. In short slices, so that the
   * caller can let others have their turn also where all keys are newer than the snapshot.
   */
  keySlices(range: KeyRange): Generator<readonly string[], void> {
    const current = (rest: KeyRange) => this.#options.index.scan(rest, false);
    return keySlices(range, false, current, (rest) => this.#deletedKeys.scan(rest, false));
  }

  /** Called by the store before it changes `key`. */
  keep(key: string, entry: Entry | undefined, deleted: boolean): void {
    // A later entry is not part of the snapshot. A touched one keeps its revision: only its first change counts.
    const isPart = entry !== undefined && entry.revision <= this.revision && entry.revision > this.#passed;
    if (isPart && this.#options.selects(key) && !this.#overwritten.has(key)) {
      this.#overwritten.set(key, entry);
      this.#keptBytes += entry.bytes;
    }
    if (deleted && this.#overwritten.has(key)) this.#deletedKeys.add(key);
    const { keptBytesMax, onTooLarge } = this.#options;
    if (this.#keptBytes > keptBytesMax) onTooLarge();
  }

  /** For a reader in order of revision: `entry` was read, and neither it nor an earlier one is asked for again. */
  pass(entry: Entry): void {
    this.#passed = entry.revision;
    if (this.#overwritten.get(entry.key) !== entry) return;
    this.#overwritten.delete(entry.key);
    this.#deletedKeys.delete(entry.key);
    this.#keptBytes -= entry.bytes;
  }

  /** Must be called in the end; the snapshot is not to be read afterwards. */
  release(): void {
    this.#overwritten.clear();
    this.#deletedKeys = new KeyIndex();
    this.#keptBytes = 0;
    this.#options.onRelease();
  }
}
