import { DuetError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { MapStore } from "../store/map-store.ts";
import type { Change, Store } from "../store/store.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";

/**
 * The number of attempts. A log that is compacted during each of them is compacted more often than it can be read.
 */
const replaysMax = 5;

/** Called for each transaction, right after the store has applied it. Must not throw. */
export type OnApplied = (transaction: Transaction, changes: readonly Change[]) => void;

export interface Replayed<Observer> {
  /** A store at the end of the log. */
  readonly store: Store;
  readonly observer: Observer;
}

/**
 * Builds a store from the log. `observe` creates the observer of a store, which receives every transaction. A log
 * that was compacted during the replay is read again, with a new store and observer. Rejects with the errors of
 * reading, or LOG_UNAVAILABLE.
 */
export async function openReplayed<Observer extends { readonly applied: OnApplied; close(): void }>(
  logger: TransactionLogger,
  log: Logger,
  observe: (store: Store) => Observer,
  onProgress: (sequence: number) => void = () => {},
): Promise<Replayed<Observer>> {
  for (let replays = 0; replays < replaysMax; replays++) {
    const store = new MapStore();
    const observer = observe(store);
    const replayed = await replay(logger, store, observer.applied, onProgress).catch((error: unknown) => {
      observer.close();
      throw error;
    });
    if (replayed) {
      log.info({ revision: store.revision, entries: store.size }, "log replayed");
      return { store, observer };
    }
    observer.close();
    log.info({ horizon: logger.horizon }, "log compacted while it was read; reading again");
  }
  throw new DuetError("LOG_UNAVAILABLE", `the log was compacted during each of ${replaysMax} replays`);
}

/**
 * Applies the whole log to an empty store; nothing is logged again. Resolves with false when the horizon moved
 * meanwhile: then it is unknown which transactions were complete.
 */
export async function replay(
  logger: TransactionLogger,
  store: Store,
  onApplied: OnApplied,
  onProgress: (sequence: number) => void = () => {},
): Promise<boolean> {
  const { horizon } = logger;
  try {
    for await (const transactions of logger.readTransactions(0)) {
      for (const transaction of transactions) {
        onApplied(transaction, store.apply(transaction));
      }
      store.publish();
      onProgress(store.revision);
    }
  } catch (error) {
    // A log without snapshots of its own cannot be read on once it was compacted.
    if (logger.horizon !== horizon) return false;
    throw error;
  }
  if (logger.horizon !== horizon) return false;
  // Compaction may have removed the last transactions entirely; their sequences stay taken.
  store.advance(horizon);
  store.publish();
  logger.applied(store.revision, () => store.hash);
  return true;
}
