import type { Entry } from "./entry.ts";
import { KeyIndex } from "./key-index.ts";
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
  readonly index: KeyIndex;
  readonly current: (key: string) => Entry | undefined;
  readonly onRelease: () => void;
}

/**
 * The state of a store at one revision: a copy-on-write clone of the index, and the entries that were overwritten
 * since, remembered as they went. Taking one is nearly free; keeping it costs as much as has changed since.
 */
export class Snapshot {
  readonly revision: number;
  readonly #options: Omit<SnapshotOptions, "index">;
  #index: KeyIndex;
  /** Entries of this revision that were overwritten or deleted since. */
  readonly #overwritten = new Map<string, Entry>();
  #keptBytes = 0;
  /** Entries of revisions up to this one are no longer kept. */
  #passed = 0;

  constructor({ index, ...options }: SnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
    this.#index = index;
  }

  get(key: string): Entry | undefined {
    const entry = this.#overwritten.get(key) ?? this.#options.current(key);
    return entry !== undefined && entry.revision <= this.revision ? entry : undefined;
  }

  /** Entries in key order, lazily; the store may change meanwhile. */
  *scan(range: KeyRange): Generator<Entry, void> {
    for (const key of this.#index.scan(range, false)) yield this.get(key) as Entry;
  }

  /** Called by the store before it changes `key`. */
  keep(key: string, entry: Entry | undefined): void {
    // A later entry is not part of the snapshot. A touched one keeps its revision: only its first change counts.
    if (entry === undefined || entry.revision > this.revision || entry.revision <= this.#passed) return;
    if (!this.#options.selects(key) || this.#overwritten.has(key)) return;
    this.#overwritten.set(key, entry);
    this.#keptBytes += entry.bytes;
    const { keptBytesMax, onTooLarge } = this.#options;
    if (this.#keptBytes > keptBytesMax) onTooLarge();
  }

  /** For a reader in order of revision: `entry` was read, and neither it nor an earlier one is asked for again. */
  pass(entry: Entry): void {
    this.#passed = entry.revision;
    if (this.#overwritten.get(entry.key) !== entry) return;
    this.#overwritten.delete(entry.key);
    this.#keptBytes -= entry.bytes;
  }

  /** Must be called in the end; the snapshot is not to be read afterwards. */
  release(): void {
    this.#overwritten.clear();
    // Its owner may live on, and the index refers to all keys that were there.
    this.#index = new KeyIndex();
    this.#options.onRelease();
  }
}
