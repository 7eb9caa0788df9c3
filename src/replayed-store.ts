import { replay } from "./committer/replay.ts";
import { DuetError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { RevisionGate } from "./store/revision-gate.ts";
import { type Change, Store } from "./store/store.ts";
import { WatchHub } from "./store/watch/hub.ts";
import type { LogSink } from "./transaction-log/log-sink.ts";
import type { Transaction, TransactionLogger } from "./transaction-log/transaction-logger.ts";

/** How often a quiet watcher hears from the server. */
const watchHeartbeatMs = 15_000;

/** A log that is compacted during each of so many replays is compacted more often than it can be read. */
const replaysMax = 5;

/** The store, and what hears of every transaction that it applies. */
export interface ReplayedStore {
  readonly store: Store;
  readonly hub: WatchHub;
  readonly gate: RevisionGate;
  /** To be called for each later transaction right after the store has applied it. */
  readonly onApplied: (transaction: Transaction, changes: readonly Change[]) => void;
  /** The `loggedBytes` of all that was replayed. */
  readonly replayedBytes: number;
}

/** Resolves when everything that the log holds is applied. Rejects with what reading it throws, or LOG_UNAVAILABLE. */
export async function openReplayedStore(
  logger: TransactionLogger,
  limits: Limits,
  log: Pick<LogSink, "info">,
): Promise<ReplayedStore> {
  for (let replays = 0; replays < replaysMax; replays++) {
    const store = new Store();
    const hub = new WatchHub(store, limits, logger.horizon, watchHeartbeatMs);
    const gate = new RevisionGate();
    const onApplied = (transaction: Transaction, changes: readonly Change[]) => {
      hub.publish(transaction, changes);
      gate.open(transaction.sequence);
    };
    const replayedBytes = await replay(logger, store, onApplied);
    if (replayedBytes !== undefined) {
      log.info({ revision: store.revision, entries: store.size }, "the log is replayed");
      return { store, hub, gate, onApplied, replayedBytes };
    }
    hub.close();
    log.info({ horizon: logger.horizon }, "the log was compacted while it was read; it is read again");
  }
  throw new DuetError("LOG_UNAVAILABLE", `the log was compacted during each of ${replaysMax} replays`);
}
