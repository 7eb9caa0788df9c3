import type { Entry } from "./entry.ts";
import type { KeyIndex } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";

export interface SnapshotOptions {
  readonly revision: number;
  readonly index: KeyIndex;
  readonly current: (key: string) => Entry | undefined;
  /** Which keys will be asked for: only they are remembered. */
  readonly selects: (key: string) => boolean;
  readonly onRelease: () => void;
}

/**
 * The state of a store at one revision: a copy-on-write clone of the index, and the entries that were overwritten
 * since, remembered as they went. Taking one is nearly free; keeping it costs as much as has changed since.
 */
export class Snapshot {
  readonly revision: number;
  readonly #options: SnapshotOptions;
  readonly #overwritten = new Map<string, Entry | undefined>();

  constructor(options: SnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
  }

  get(key: string): Entry | undefined {
    return this.#overwritten.has(key) ? this.#overwritten.get(key) : this.#options.current(key);
  }

  /** Entries in key order, lazily; the store may change meanwhile. */
  *scan(range: KeyRange): Generator<Entry, void> {
    for (const key of this.#options.index.scan(range, false)) yield this.get(key) as Entry;
  }

  /** Called by the store before it changes `key`. */
  keep(key: string, entry: Entry | undefined): void {
    if (this.#options.selects(key) && !this.#overwritten.has(key)) this.#overwritten.set(key, entry);
  }

  /** Must be called in the end; the snapshot is not to be read afterwards. */
  release(): void {
    this.#overwritten.clear();
    this.#options.onRelease();
  }
}
