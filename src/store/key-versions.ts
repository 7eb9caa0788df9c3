import type { ChangeSet } from "./change-set.ts";
import type { Entry } from "./entry.ts";
import type { History } from "./history.ts";
import { PastState } from "./past.ts";
import type { Store } from "./store.ts";

/** A put or delete of a key. */
export interface KeyVersion {
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  /** undefined: the key was deleted. */
  readonly entry: Entry | undefined;
  /** The key was deleted because its time to live had passed. */
  readonly expired: boolean;
}

/**
 * The versions of a key before revision `before`, the newest first. The last one is the version at the oldest state
 * of the history. Lazy: consume it within one turn of the event loop.
 */
export function* keyVersions(
  store: Store,
  history: History,
  key: string,
  before: number,
): Generator<KeyVersion, void> {
  const { oldestState } = history;
  for (const { revision, entry, expired } of history.versionsBefore(key, before)) {
    if (revision <= oldestState) break;
    const { time } = history.at(revision) as ChangeSet;
    yield { revision, time, entry, expired };
  }
  const entry = new PastState(store, history, oldestState).get(key);
  if (entry === undefined || entry.revision >= before) return;
  yield { revision: entry.revision, time: entry.updateTime, entry, expired: false };
}
