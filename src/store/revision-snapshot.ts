import type { Entry } from "./entry.ts";

export interface RevisionSnapshotOptions {
  readonly revision: number;
  readonly current: (key: string) => Entry | undefined;
  readonly onRelease: () => void;
}

/** At which revision each key of a store was last written, as of one revision. Compaction needs no more than that. */
export class RevisionSnapshot {
  readonly revision: number;
  readonly #options: RevisionSnapshotOptions;
  /** Revisions of the keys that were there and have changed since. */
  readonly #changed = new Map<string, number>();

  constructor(options: RevisionSnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
  }

  /** The revision of the key's entry; 0 or a later revision than the snapshot's: there was none. */
  revisionOf(key: string): number {
    return this.#changed.get(key) ?? this.#options.current(key)?.revision ?? 0;
  }

  /** Called by the store before it changes `key`. */
  keep(key: string, entry: Entry | undefined): void {
    // A later entry is not part of the snapshot, and an earlier one changes only once.
    if (entry !== undefined && entry.revision <= this.revision) this.#changed.set(key, entry.revision);
  }

  /** Must be called in the end; the snapshot is not to be read afterwards. */
  release(): void {
    this.#changed.clear();
    this.#options.onRelease();
  }
}
