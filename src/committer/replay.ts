import type { Change, Store } from "../store/store.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";
import { loggedBytes } from "./background/compactor.ts";

/**
 * Applies what the log holds to an empty store; nothing is logged again. `onApplied` is called as the committer calls
 * it. Resolves with the `loggedBytes` of all that was replayed; with undefined when the horizon moved meanwhile, so that
 * it is not known which transactions were whole: try again with another empty store.
 */
export async function replay(
  logger: TransactionLogger,
  store: Store,
  onApplied: (transaction: Transaction, changes: readonly Change[]) => void,
): Promise<number | undefined> {
  let bytes = 0;
  const { horizon } = logger;
  for await (const transactions of logger.readTransactions(0)) {
    for (const transaction of transactions) {
      onApplied(transaction, store.apply(transaction));
      bytes += loggedBytes(transaction);
    }
  }
  if (logger.horizon !== horizon) return undefined;
  // Of the last transactions nothing may be left; their numbers stay taken.
  store.advance(horizon);
  logger.applied(store.revision);
  return bytes;
}
