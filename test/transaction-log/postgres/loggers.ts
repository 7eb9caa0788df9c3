import { expect } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import type { PostgresTransactionLoggerOptions } from "../../../src/transaction-log/postgres/options.ts";
import {
  openPostgresTransactionLogger,
  type PostgresTransactionLogger,
} from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import type { RunningPostgres } from "../../support/postgres.ts";
import { until } from "../../support/until.ts";
import { Replica } from "../replica.ts";

/** Opens a logger without log output. Its waits are short, but it closes in order on a busy machine, too. */
export function openLogger(
  url: string,
  options: Partial<PostgresTransactionLoggerOptions> = {},
): Promise<PostgresTransactionLogger> {
  return openPostgresTransactionLogger({
    url,
    log: silentSink,
    compactionWaitMs: 5_000,
    leavingMs: 60_000,
    startWaitMs: 0,
    ...options,
  });
}

/** Opens a logger and starts a replica on it. */
export async function openReplica(
  url: string,
  name: string,
  options: Partial<PostgresTransactionLoggerOptions> = {},
): Promise<Replica> {
  return Replica.start(await openLogger(url, { name, ...options }), name);
}

/** Asserts that no connection and no heartbeat of a logger is left in the database. */
export async function expectNothingOpen(server: RunningPostgres, url: string): Promise<void> {
  // The server detects a closed connection a little later than the client.
  await until(async () => {
    const rows = await server.query(
      url,
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
    return rows.length === 0;
  });
  expect(await server.query(url, "SELECT id FROM duetkv.replicas")).toEqual([]);
}

/** Reads all batches and drops them. */
export async function drain(batches: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of batches);
}
