import { DuetError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { type Change, Store } from "../store/store.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";

/** A log that is compacted during each of so many replays is compacted more often than it can be read. */
const replaysMax = 5;

/** Told of each transaction right after the store has applied it. Must not throw. */
export type OnApplied = (transaction: Transaction, changes: readonly Change[]) => void;

export interface Replayed<Observer> {
  /** At the end of the log. */
  readonly store: Store;
  readonly observer: Observer;
}

/**
 * Builds a store from the log. `observe` makes what is to be told of every transaction, for each store anew: a log that
 * was compacted while it was read is read again. `onProgress` is told now and then how far it is. Rejects with what reading throws, or LOG_UNAVAILABLE.
 */
export async function openReplayed<Observer extends { readonly applied: OnApplied; close(): void }>(
  logger: TransactionLogger,
  log: Logger,
  observe: (store: Store) => Observer,
  onProgress: (sequence: number) => void = () => {},
): Promise<Replayed<Observer>> {
  for (let replays = 0; replays < replaysMax; replays++) {
    const store = new Store();
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
 * Applies what the log holds to an empty store; nothing is logged again. Resolves with false when the horizon moved
 * meanwhile, so that it is not known which transactions were whole.
 */
export async function replay(
  logger: TransactionLogger,
  store: Store,
  onApplied: OnApplied,
  onProgress: (sequence: number) => void = () => {},
): Promise<boolean> {
  const { horizon } = logger;
  for await (const transactions of logger.readTransactions(0)) {
    for (const transaction of transactions) {
      onApplied(transaction, store.apply(transaction));
    }
    onProgress(store.revision);
  }
  if (logger.horizon !== horizon) return false;
  // Of the last transactions nothing may be left; their numbers stay taken.
  store.advance(horizon);
  logger.applied(store.revision, () => store.hash);
  return true;
}
