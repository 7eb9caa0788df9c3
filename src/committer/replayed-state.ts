import type { Limits } from "../limits.ts";
import type { Logger } from "../logging.ts";
import { createChangeSet } from "../store/change-set.ts";
import { History } from "../store/history.ts";
import { type Quota, QuotaUsage } from "../store/quota-usage.ts";
import type { Change, Store } from "../store/store.ts";
import { WatchHub } from "../store/watch/hub.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";
import { LogGarbage } from "./background/log-garbage.ts";
import type { EngineTracer } from "./engine-tracer.ts";
import { Freshness } from "./freshness.ts";
import { openReplayed } from "./replay.ts";
import { RequestIndex } from "./request-index.ts";

export interface ReplayOptions {
  readonly logger: TransactionLogger;
  readonly limits: Limits;
  readonly log: Logger;
  /** Called from time to time with the revision that the replay has reached. */
  readonly onReplayed?: (revision: number) => void;
  /** How often a watcher without changes receives a heartbeat, in milliseconds. Default: 15 s. */
  readonly watchHeartbeatMs?: number;
  /** Default: nothing is traced. */
  readonly tracer?: EngineTracer | undefined;
  /** Default: none. */
  readonly quotas?: readonly Quota[];
}

/**
 * The store and everything else that the log determines. All of it is at the same revision, because `applied` updates it in
 * the turn of the event loop in which the store changes.
 */
export interface ReplayedState {
  readonly store: Store;
  readonly requests: RequestIndex;
  readonly quotas: QuotaUsage;
  readonly history: History;
  readonly garbage: LogGarbage;
  readonly hub: WatchHub;
  readonly freshness: Freshness;
  /** Must be called for each transaction, in order, right after the store has applied it. */
  readonly applied: (transaction: Transaction, changes: readonly Change[]) => void;
}

/** Replays the log. Resolves when the state is at its end. Rejects with the errors of reading the log. */
export async function openReplayedState(options: ReplayOptions): Promise<ReplayedState> {
  const { logger, limits, log, onReplayed, watchHeartbeatMs = 15_000, quotas = [], tracer } = options;
  const observe = (empty: Store) => {
    const garbage = new LogGarbage(logger);
    const requests = new RequestIndex(empty, (bytes) => garbage.addRecords(bytes));
    const usage = new QuotaUsage(empty, quotas);
    const history = new History(limits, logger.horizon, (set) => garbage.add(set));
    const hub = new WatchHub(empty, history, limits, watchHeartbeatMs);
    const freshness = new Freshness({ store: empty, logger, waitMs: limits.revisionWaitMs, tracer });
    return {
      garbage,
      requests,
      quotas: usage,
      history,
      hub,
      freshness,
      applied(transaction: Transaction, changes: readonly Change[]) {
        // First, because it needs the hash of the entry that the store has put last.
        requests.applied(transaction);
        const set = createChangeSet(transaction.sequence, transaction.time, changes);
        history.add(set);
        hub.publish(set);
        usage.applied(changes);
      },
      close() {
        hub.close();
        freshness.close();
      },
    };
  };
  const { store, observer } = await openReplayed(logger, log, observe, onReplayed);
  return { store, ...observer };
}
