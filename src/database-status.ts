import type { ExportCounts } from "./committer/background/snapshot-exports.ts";

/** A process that serves the store. */
export interface Replica {
  readonly id: string;
  /** What it had applied at `seenTime`. */
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly seenTime: number;
  /** Whether it appends to the log. */
  readonly writer: boolean;
}

/** What the engine says of itself at one moment. */
export interface DatabaseStatus {
  /** The id of the log, in hexadecimal. */
  readonly storeId: string;
  readonly revision: number;
  /** Changes after this revision can be watched. */
  readonly oldestRevision: number;
  readonly entries: number;
  /** `ReadonlyStore.hash` of the entries at `revision`. */
  readonly stateHash: string;
  /** What the entries count against `storeBytesMax`. */
  readonly storeBytes: number;
  readonly watchers: number;
  /** Bytes of writes that wait for the log. */
  readonly queueBytes: number;
  /** What the history occupies beside the store, counted against `watchHistoryBytesMax`. */
  readonly historyBytes: number;
  /** Requests with an id that are remembered, and what they count against `requestIdsBytesMax`. */
  readonly requestIds: number;
  readonly requestIdsBytes: number;
  /** Why the log takes no writes at the moment; undefined when it does. */
  readonly fault: Error | undefined;
  /** Whether what other replicas write arrives here. */
  readonly followsLog: boolean;
  /** How many replicas hold other entries at the same revision. */
  readonly differingReplicas: number;
  /** Why this replica must not serve, because others hold other entries. */
  readonly difference: string | undefined;
  readonly snapshots: ExportCounts;
}
