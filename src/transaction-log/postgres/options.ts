import type { LogSink } from "../log-sink.ts";
import { type ConnectionOptions, defaultSchema } from "./connection/connection.ts";
import { Hosts, splitHosts } from "./connection/hosts.ts";
import type { PageLimits } from "./follow/page.ts";

const defaults = {
  /** How long a start retries while the database is unreachable. */
  startWaitMs: 30_000,
  connectTimeoutMs: 5_000,
  /** The server's limit for a statement; without a response 2 seconds later the server counts as hung. */
  statementTimeoutMs: 5_000,
  /** Interval of polling by followers without LISTEN. */
  pollMs: 100,
  /** Interval of polling by followers with LISTEN. */
  listenPollMs: 1_000,
  listen: true,
  heartbeatMs: 500,
  /** Linearizable reads are refused when no heartbeat has committed within this time. */
  heartbeatValidMs: 2_000,
  /** How long a close waits until the row of this replica is deleted. */
  leavingMs: 1_000,
  /** A replica without a heartbeat for so long no longer delays compaction. */
  replicaTimeoutMs: 60_000,
  /**
   * How long a compaction waits for replicas that have not applied its horizon. Longer than `replicaTimeoutMs`, so that
   * the rows of a crash loop do not stop it.
   */
  compactionWaitMs: 90_000,
  /** When the process of a compaction is silent for so long, another replica may compact. */
  compactionSilenceMs: 10_000,
  /** How long to look for the outcome of an append whose response was lost. */
  outcomeMs: 10_000,
  /** Time for appends once the process stops: a log that only changes its leader, or is busy, needs more than 2 s. */
  stoppingMs: 4_000,
  /** Aborts when the process stops. */
  stopping: new AbortController().signal,
  /** The size of a page; larger pages would delay calls. */
  pageLimits: { pieces: 500, bytes: 256 * 1024 } as PageLimits,
};

export interface PostgresTransactionLoggerOptions extends Partial<typeof defaults> {
  /** A connection URL of `pg` with one or several hosts. Missing parts come from PGHOST, PGPASSWORD, PGPASSFILE and so on. */
  readonly url: string;
  readonly log: LogSink;
  /** Selects the schema `duetkv_NAME`, for several deployments on one database; without a name it is `duetkv`. */
  readonly deployment?: string;
  /** The name of this replica in `duetkv.replicas`. */
  readonly name?: string;
}

/** The options with all defaults. */
export type OpenOptions = typeof defaults & ConnectionOptions & { readonly log: LogSink };

export function completeOptions({
  url,
  deployment,
  ...given
}: PostgresTransactionLoggerOptions): OpenOptions {
  const schema = deployment === undefined ? defaultSchema : `${defaultSchema}_${deployment}`;
  return { ...defaults, ...given, hosts: new Hosts(splitHosts(url)), schema };
}
