import type { ExportCounts } from "./committer/background/snapshot-exports.ts";
import type { Engine } from "./engine.ts";

/** The state of the engine at one moment. */
export interface DatabaseStatus {
  /** `Database.storeId`. */
  readonly storeId: string;
  readonly revision: number;
  /** A watch can start at this revision or later. */
  readonly oldestRevision: number;
  readonly entries: number;
  /** `ReadonlyStore.hash` at `revision`. */
  readonly stateHash: string;
  /** The bytes that the entries count towards `storeBytesMax`. */
  readonly storeBytes: number;
  readonly watchers: number;
  /** Bytes of the writes that have not settled. */
  readonly queueBytes: number;
  /** The memory of the history, which `watchHistoryBytesMax` limits. */
  readonly historyBytes: number;
  /** The number of remembered request ids, and the bytes that they count towards `requestIdsBytesMax`. */
  readonly requestIds: number;
  readonly requestIdsBytes: number;
  /** Why the log accepts no writes; undefined when it does. */
  readonly fault: Error | undefined;
  /** Whether this replica receives the writes of other replicas. */
  readonly followsLog: boolean;
  /** The number of replicas whose entries differ from this replica's at the same revision. */
  readonly differingReplicas: number;
  /**
   * Why this replica must not serve: the entries of most replicas differ from its own. undefined when that is not so.
   */
  readonly difference: string | undefined;
  readonly snapshots: ExportCounts;
}

/** The status of all parts of an engine, now. */
export function statusOf({
  state,
  logger,
  committer,
  comparison,
  snapshots,
  storeId,
  followsLog,
}: Engine): DatabaseStatus {
  const { store, requests, history, hub } = state;
  return {
    storeId,
    revision: store.revision,
    oldestRevision: history.oldest,
    entries: store.size,
    stateHash: store.hash,
    storeBytes: store.bytes,
    watchers: hub.watchers,
    queueBytes: committer.queueBytes,
    historyBytes: history.bytes,
    requestIds: requests.size,
    requestIdsBytes: requests.bytes,
    fault: logger.fault,
    followsLog,
    differingReplicas: comparison?.differing ?? 0,
    difference: comparison?.fault,
    snapshots: snapshots.counts,
  };
}
