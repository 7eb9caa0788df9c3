import type { LogSink } from "../log-sink.ts";
import { type ConnectionOptions, defaultSchema } from "./connection/connection.ts";
import { Hosts, splitHosts } from "./connection/hosts.ts";
import type { PageLimits } from "./follow/page.ts";

const defaults = {
  /** How long a start waits for a database that cannot be reached. */
  startWaitMs: 30_000,
  connectTimeoutMs: 5_000,
  /** What the server allows a statement; it counts as hung two seconds later. */
  statementTimeoutMs: 5_000,
  /** How often followers look when they cannot listen. */
  pollMs: 100,
  /** How often they look all the same when they can. */
  listenPollMs: 1_000,
  listen: true,
  heartbeatMs: 500,
  /** Linearizable reads are refused when no heartbeat has committed for so long. */
  heartbeatValidMs: 2_000,
  /** How long a close waits for the database to take this replica out of the list. */
  leavingMs: 1_000,
  /** A replica that was not heard of for so long holds compaction back no more. */
  replicaTimeoutMs: 60_000,
  /**
   * How long a compaction waits for replicas that have not come to its horizon. Longer than `replicaTimeoutMs`, so that
   * what a crash loop leaves behind does not stop it.
   */
  compactionWaitMs: 90_000,
  /** A compaction whose process gives no sign of life for so long leaves its place to another. */
  compactionSilenceMs: 10_000,
  /** How long the outcome of an append is looked for when its answer was lost. */
  outcomeMs: 10_000,
  /** How long an append may take, all in all, once the process stops. */
  stoppingMs: 2_000,
  /** Aborts when the process stops: writes that are under way go on, but not for long. */
  stopping: new AbortController().signal,
  /** What is read at once; more of it at a time would keep calls waiting. */
  pageLimits: { pieces: 500, bytes: 256 * 1024 } as PageLimits,
};

export interface PostgresTransactionLoggerOptions extends Partial<typeof defaults> {
  /** As `pg` understands it, with one or several hosts; what is not in it comes from PGHOST, PGPASSWORD, PGPASSFILE and so on. */
  readonly url: string;
  readonly log: LogSink;
  /** Of several deployments on one database each has a schema, `duetkv_NAME`; without a name it is `duetkv`. */
  readonly deployment?: string;
  /** What this replica is called in the list of replicas. */
  readonly name?: string;
}

/** All of them. */
export type OpenOptions = typeof defaults & ConnectionOptions & { readonly log: LogSink };

export function completeOptions({
  url,
  deployment,
  ...given
}: PostgresTransactionLoggerOptions): OpenOptions {
  const schema = deployment === undefined ? defaultSchema : `${defaultSchema}_${deployment}`;
  return { ...defaults, ...given, hosts: new Hosts(splitHosts(url)), schema };
}
