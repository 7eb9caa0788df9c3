import type { LogSink } from "../log-sink.ts";

const defaults = {
  /** How long a start retries while the log cannot be reached. */
  startWaitMs: 30_000,
  /** How often followers look for batches, in case that a hint got lost. */
  pollMs: 250,
  heartbeatMs: 500,
  /** How long a server may confirm no heartbeat before another one is tried. A new leader takes less. */
  moveMs: 10_000,
  /** How long a close waits until the heartbeat of this replica is removed. */
  leavingMs: 1_000,
  /** A replica without a heartbeat for so long no longer delays compaction. */
  replicaTimeoutMs: 60_000,
  /** How long a compaction waits for replicas that have not applied its horizon. */
  compactionWaitMs: 90_000,
  /** How long to look for the outcome of an append that was not confirmed: long enough for a new leader. */
  outcomeMs: 20_000,
  /** Time for appends once the process stops: a log that only changes its leader, or is busy, needs more than 2 s. */
  stoppingMs: 4_000,
  /** Aborts when the process stops. */
  stopping: new AbortController().signal,
};

export type RemoteLogOptions = typeof defaults & { readonly log: LogSink };

export function completeOptions(
  given: Partial<typeof defaults> & { readonly log: LogSink },
): RemoteLogOptions {
  return { ...defaults, ...given };
}
