import { type PostgresServer, startPostgres } from "./postgres.ts";
import { type PostgresProxy, startPostgresProxy } from "./postgres-proxy.ts";
import { until } from "./until.ts";

/** A primary that waits for its standby at each commit. */
export interface PostgresPair {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  /** Between the two: while it is frozen, nothing reaches the standby and no commit ends. */
  readonly link: PostgresProxy;
  /** Resolves when a backend of the primary waits for the standby, with its process id. */
  waitingBackend(): Promise<number>;
  /** Resolves when the standby has become a primary. The old one is not told. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the first commit has waited for the standby. */
export async function startPostgresPair(): Promise<PostgresPair> {
  const primary = await startPostgres({ wal_level: "replica", max_connections: "60" });
  await primary.kill();
  const link = await startPostgresProxy(primary.port);
  const standby = await startPostgres(
    {
      primary_conninfo: `host=127.0.0.1 port=${link.port} user=postgres sslmode=disable gssencmode=disable`,
      max_connections: "60",
      wal_retrieve_retry_interval: "100",
    },
    "trust",
    primary.dataDirectory,
  );
  await primary.restart();
  const ofPrimary = (text: string) => primary.query(primary.url("postgres"), text);
  await ofPrimary("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await ofPrimary("SELECT pg_reload_conf()");
  await until(async () => {
    const rows = await ofPrimary("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'");
    return rows.length === 1;
  });
  return {
    primary,
    standby,
    link,
    async waitingBackend() {
      let pid = 0;
      await until(async () => {
        const rows = await ofPrimary(
          "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%duetkv.transactions%'",
        );
        pid = Number(rows[0]?.["pid"]);
        return rows.length > 0;
      });
      return pid;
    },
    async promote() {
      // Without waiting for what the primary may still send.
      await standby.query(standby.url("postgres"), "SELECT pg_promote(false)");
      await until(async () => {
        const [row] = await standby.query(standby.url("postgres"), "SELECT pg_is_in_recovery() AS standby");
        return row?.["standby"] === false;
      });
    },
    async stop() {
      // Its backends that wait for the standby would not end before.
      link.restore();
      await primary.stop();
      await standby.stop();
      await link.close();
    },
  };
}
