import type { LiveEntry } from "../transaction-log/transaction-logger.ts";
import type { Entry } from "./entry.ts";

export interface RevisionSnapshotOptions {
  readonly revision: number;
  readonly current: (key: string) => Entry | undefined;
  readonly onRelease: () => void;
}

/** Revision and expire time of each entry of a store, as of one revision. Compaction needs no more than that. */
export class RevisionSnapshot {
  readonly revision: number;
  readonly #options: RevisionSnapshotOptions;
  /** Entries that were there and have changed since. */
  readonly #changed = new Map<string, LiveEntry>();

  constructor(options: RevisionSnapshotOptions) {
    this.revision = options.revision;
    this.#options = options;
  }

  /** The entry of the key; undefined: there was none. */
  get(key: string): LiveEntry | undefined {
    const entry = this.#changed.get(key) ?? this.#options.current(key);
    return entry !== undefined && entry.revision <= this.revision ? entry : undefined;
  }

  /** Called by the store before it changes `key`. */
  keep(key: string, entry: Entry | undefined): void {
    // A later entry is not part of the snapshot. A touched one keeps its revision: only its first change counts.
    if (entry === undefined || entry.revision > this.revision || this.#changed.has(key)) return;
    const { revision, expireTime } = entry;
    this.#changed.set(key, { revision, expireTime });
  }

  /** Must be called in the end; the snapshot is not to be read afterwards. */
  release(): void {
    this.#changed.clear();
    this.#options.onRelease();
  }
}
