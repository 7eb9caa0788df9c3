import { DuetError } from "../../../errors.ts";
import { type Connection, defaultSchema } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { sqlState, sqlStates } from "./database-error.ts";

/**
 * The tables, in the schema `duetkv`.
 *
 * - log: one row. `history` is made once and tells this log from any other; `horizon` is that of the interface.
 * - batches: one row for each append. It names the sequence that it stands on, its basis, and no two name the same:
 *   of two writers that append after the same batch, one fails. It is inserted only if the batch that ends at its basis
 *   is there, so the batches are one chain, they become visible in its order, and its end is the head of the log.
 *   (A head row that is updated each time would do the same, but its dead versions pile up behind any long transaction
 *   in the database and every append has to walk over them.) A row without basis voids its id: an append that was given
 *   up can no longer happen.
 * - transactions: what was appended, one row for each append; see piece.ts. Compaction puts together what it leaves.
 * - replicas: one row for each open logger, and how far its owner has come.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE duetkv.log (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    history uuid NOT NULL DEFAULT gen_random_uuid(),
    horizon bigint NOT NULL DEFAULT 0
  );
  INSERT INTO duetkv.log DEFAULT VALUES;

  CREATE TABLE duetkv.batches (
    id uuid PRIMARY KEY,
    basis bigint UNIQUE,
    last bigint,
    written timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (basis < last)
  );
  INSERT INTO duetkv.batches (id, basis, last) VALUES (gen_random_uuid(), -1, 0);

  CREATE TABLE duetkv.transactions (
    sequence bigint NOT NULL,
    position integer NOT NULL,
    kind smallint NOT NULL,
    time bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    text text COLLATE "C",
    bytes bytea,
    create_revision bigint NOT NULL,
    version bigint NOT NULL,
    expire_time bigint NOT NULL,
    PRIMARY KEY (sequence, position)
  );

  CREATE TABLE duetkv.replicas (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    applied bigint NOT NULL,
    seen timestamptz NOT NULL
  );`,
  // Events in rows of their own cost the server several times as much.
  `
  DO $$ BEGIN
    IF EXISTS (SELECT FROM duetkv.transactions) THEN
      RAISE EXCEPTION 'the log in the database is that of a version before the first release';
    END IF;
  END $$;
  DROP TABLE duetkv.transactions;
  CREATE TABLE duetkv.transactions (
    last bigint PRIMARY KEY,
    events bytea NOT NULL
  );
  -- Compressing takes longer than writing.
  ALTER TABLE duetkv.transactions ALTER events SET STORAGE EXTERNAL;`,
];

/** Advisory locks are known by two numbers in the whole database; the first says which deployment's they are. */
export const lockSpace = "hashtext('duetkv')";
const migrationLock = 1;

/**
 * Resolves when the tables are those of this version. May run in many processes at once. Rejects with LOG_VERSION when
 * they are those of a later one.
 */
export async function migrate(connections: Connections): Promise<void> {
  const version = await connections.withConnection(readVersion);
  if (version > migrations.length) {
    throw new DuetError("LOG_VERSION", "the log in the database was made by a later version of Duet KV");
  }
  for (let next = version + 1; next <= migrations.length; next++) {
    await connections.transact("BEGIN", (connection) => applyMigration(connection, next));
  }
}

/** 0 when there is nothing yet. */
async function readVersion(connection: Connection): Promise<number> {
  try {
    const { rows } = await connection.query({
      text: "SELECT max(version) AS version FROM duetkv.migrations",
    });
    return rows[0]?.["version"] ?? 0;
  } catch (error) {
    if (sqlState(error) === sqlStates.undefinedTable) return 0;
    throw error;
  }
}

/** Whoever comes second waits here and then finds it done. */
async function applyMigration(connection: Connection, version: number): Promise<void> {
  await connection.query({ text: `SELECT pg_advisory_xact_lock(${lockSpace}, ${migrationLock})` });
  // Asked first, because a role that may use the schema need not be allowed to create one.
  const { rows } = await connection.query({ text: "SELECT to_regnamespace('duetkv') IS NULL AS missing" });
  if (rows[0]?.["missing"]) {
    await refuseOtherDeployments(connection);
    await connection.query({ text: "CREATE SCHEMA duetkv" });
  }
  await connection.query({
    text: `CREATE TABLE IF NOT EXISTS duetkv.migrations (
      version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT clock_timestamp())`,
  });
  const { rowCount } = await connection.query({
    text: "INSERT INTO duetkv.migrations (version) VALUES ($1) ON CONFLICT DO NOTHING",
    values: [version],
  });
  if (rowCount === 1) await connection.query({ text: migrations[version - 1] as string });
}

/** A deployment that is started with the wrong name must not begin an empty log beside its own. */
async function refuseOtherDeployments(connection: Connection): Promise<void> {
  const { rows } = await connection.query({
    text: `SELECT nspname AS schema FROM pg_namespace
      WHERE nspname ~ $1 AND EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid AND relname = 'migrations')`,
    values: [`^${defaultSchema}(_|$)`],
  });
  if (rows.length === 0) return;
  const names = rows.map(({ schema }) =>
    schema === defaultSchema ? "(none)" : schema.slice(defaultSchema.length + 1),
  );
  throw new DuetError(
    "LOG_UNAVAILABLE",
    `the database holds no log of this deployment, but of others: ${names.join(", ")}. ` +
      `Start with the right --deployment; for a further deployment on this database, first run: ${connection.inSchema("CREATE SCHEMA duetkv")}`,
  );
}
