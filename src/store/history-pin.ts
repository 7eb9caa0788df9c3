import type { LiveEntry } from "../transaction-log/transaction-logger.ts";
import type { Change, State } from "./store.ts";

/**
 * The revisions and expire times of all entries at one revision, also once the history does not reach back to it any more.
 * It keeps them of what has left the history since.
 */
export class HistoryPin {
  readonly #past: State;
  readonly #onRelease: () => void;
  readonly #versions = new Map<string, LiveEntry>();

  /** `past` may end to be right for a key once a change of it was given to `keep`. */
  constructor(past: State, onRelease: () => void) {
    this.#past = past;
    this.#onRelease = onRelease;
  }

  get revision(): number {
    return this.#past.revision;
  }

  /** undefined: there was no entry. */
  get(key: string): LiveEntry | undefined {
    const version = this.#versions.get(key) ?? this.#past.get(key);
    return version !== undefined && version.revision <= this.revision ? version : undefined;
  }

  /** Called by the history, in order, with each change that leaves it. */
  keep({ key, previous, revision: changeRevision }: Change): void {
    if (changeRevision <= this.revision || previous === undefined) return;
    // A later entry is no part of that state. A touched one keeps its revision: only its first change counts.
    if (previous.revision > this.revision || this.#versions.has(key)) return;
    const { revision, expireTime } = previous;
    this.#versions.set(key, { revision, expireTime });
  }

  /** Must be called in the end; the pin is not to be read afterwards. */
  release(): void {
    this.#versions.clear();
    this.#onRelease();
  }
}
