import type { LiveEntry } from "../transaction-log/transaction-logger.ts";
import type { Change, State } from "./store.ts";

/**
 * The revisions and expire times of all entries at one revision. They stay readable after the history has dropped the
 * changes since that revision: the pin keeps a copy of what it needs from each dropped change.
 */
export class HistoryPin {
  readonly #past: State;
  readonly #onRelease: () => void;
  readonly #versions = new Map<string, LiveEntry>();

  /** After a change of a key was given to `keep`, the pin no longer reads that key from `past`. */
  constructor(past: State, onRelease: () => void) {
    this.#past = past;
    this.#onRelease = onRelease;
  }

  get revision(): number {
    return this.#past.revision;
  }

  /** undefined: there was no entry at that revision. */
  get(key: string): LiveEntry | undefined {
    const version = this.#versions.get(key) ?? this.#past.get(key);
    return version !== undefined && version.revision <= this.revision ? version : undefined;
  }

  /** The history calls this with each change that it drops, oldest first. */
  keep({ key, previous, revision: changeRevision }: Change): void {
    if (changeRevision <= this.revision || previous === undefined) return;
    // A later entry is not part of that state. A touch does not change an entry's revision, so only the first change
    // of a key counts.
    if (previous.revision > this.revision || this.#versions.has(key)) return;
    const { revision, expireTime } = previous;
    this.#versions.set(key, { revision, expireTime });
  }

  /** Must be called when the pin is no longer needed. The pin must not be read afterwards. */
  release(): void {
    this.#versions.clear();
    this.#onRelease();
  }
}
