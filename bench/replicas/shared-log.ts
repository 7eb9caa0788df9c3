import { silentSink } from "../../src/transaction-log/log-sink.ts";
import { openPostgresTransactionLogger } from "../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import { openJetStreamTransactionLogger } from "../../src/transaction-log/remote/jetstream/open.ts";
import type { TransactionLogger } from "../../src/transaction-log/transaction-logger.ts";

/** Where a log is that replicas share. */
export interface SharedLog {
  readonly url: string;
  /** Of the servers of NATS; none with PostgreSQL. */
  readonly monitors: readonly string[];
}

export function flagsOf({ url, monitors }: SharedLog): string[] {
  return ["--log", url, ...(monitors.length === 0 ? [] : ["--nats-monitor", monitors.join()])];
}

/** Opens a log without a replica. */
export function openSharedLog({ url, monitors }: SharedLog): Promise<TransactionLogger> {
  return monitors.length === 0
    ? openPostgresTransactionLogger({ url, log: silentSink })
    : openJetStreamTransactionLogger({ url, monitors, log: silentSink });
}
