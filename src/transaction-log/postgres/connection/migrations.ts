import { DuetError } from "../../../errors.ts";
import { type Connection, defaultSchema } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { sqlState, sqlStates } from "./database-error.ts";
import { requirePrivileges } from "./privileges.ts";

/**
 * The tables, in the schema `duetkv`.
 *
 * - log: one row. `history` is generated once and identifies this log; `horizon` is that of the interface.
 * - batches: one row for each append. `basis` is the sequence before the batch. It is unique: of two writers that append
 *   after the same batch, one fails. A row is inserted only if the batch that ends at its basis exists. So the batches are
 *   one chain, they become visible in its order, and its end is the head of the log. (A head row that each append updates
 *   would do the same, but its dead versions pile up behind a long transaction in the database, and each append reads
 *   them.) A row without a basis voids its id: an append with this id can no longer commit.
 * - transactions: the appended transactions, one row for each append; see piece.ts. Compaction merges rows.
 * - replicas: one row for each open logger, with the sequence that its owner has applied.
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
  // A row for each event costs the server several times as much.
  `
  DO $$ BEGIN
    IF EXISTS (SELECT FROM duetkv.transactions) THEN
      RAISE EXCEPTION 'the log has the layout of a version before the first release; load the data into a new database';
    END IF;
  END $$;
  DROP TABLE duetkv.transactions;
  CREATE TABLE duetkv.transactions (
    last bigint PRIMARY KEY,
    events bytea NOT NULL
  );
  -- Compression takes longer than the write.
  ALTER TABLE duetkv.transactions ALTER events SET STORAGE EXTERNAL;`,
  // Rows may be of format 2 from here on. 0.1 cannot read them, and this makes it refuse to start.
  "SELECT",
  // The hash of what a replica has applied, by which the others notice that it holds something else.
  "ALTER TABLE duetkv.replicas ADD COLUMN hash text;",
  // Where a replica takes operations of the others.
  "ALTER TABLE duetkv.replicas ADD COLUMN address text;",
];

/**
 * Advisory locks have two numbers, valid in the whole database; this one identifies the deployment. The deployment without
 * a name shares its locks with replicas of version 0.1. `inSchema` replaces the names that are in one piece.
 */
export const lockSpace = "CASE 'duetkv' WHEN 'duet' || 'kv' THEN 1685415284 ELSE hashtext('duetkv') END";
const migrationLock = 1;

/**
 * Creates or migrates the tables. Many processes may do so at once. Rejects with LOG_VERSION when a later version has made
 * them.
 */
export async function migrate(connections: Connections): Promise<void> {
  const version = await connections.withConnection(readVersion);
  expectKnown(version);
  for (let next = version + 1; next <= migrations.length; next++) {
    await connections.transact("BEGIN", (connection) => applyMigration(connection, next));
  }
}

/** Rejects with LOG_UNAVAILABLE when there are no tables, and with LOG_VERSION when a later version has made them. */
export async function requireTables(connection: Connection): Promise<void> {
  const version = await readVersion(connection);
  if (version === 0)
    throw new DuetError("LOG_UNAVAILABLE", "there is no log of this deployment in the database");
  expectKnown(version);
}

function expectKnown(version: number): void {
  if (version <= migrations.length) return;
  throw new DuetError(
    "LOG_VERSION",
    `the tables have version ${version}; this Duet KV supports ${migrations.length}: start a later release`,
  );
}

/** The version of the tables; 0 when there are none. */
async function readVersion(connection: Connection): Promise<number> {
  try {
    const { rows } = await connection.query({
      text: "SELECT max(version) AS version FROM duetkv.migrations",
    });
    return rows[0]?.["version"] ?? 0;
  } catch (error) {
    const state = sqlState(error);
    if (state === sqlStates.undefinedTable) return 0;
    if (state === sqlStates.insufficientPrivilege) await requirePrivileges(connection);
    throw error;
  }
}

/** A second process waits for the lock and then finds the migration done. */
async function applyMigration(connection: Connection, version: number): Promise<void> {
  await connection.query({ text: `SELECT pg_advisory_xact_lock(${lockSpace}, ${migrationLock})` });
  // A query first, because a role that may use schema and tables may lack the right to create them.
  const { rows } = await connection.query({
    text: `SELECT to_regnamespace('duetkv') IS NULL AS no_schema, to_regclass('duetkv.migrations') IS NULL AS no_table`,
  });
  if (rows[0]?.["no_schema"]) {
    await refuseOtherDeployments(connection);
    await connection.query({ text: "CREATE SCHEMA duetkv" });
  }
  if (rows[0]?.["no_table"]) {
    await connection.query({
      text: `CREATE TABLE duetkv.migrations (
        version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT clock_timestamp())`,
    });
  }
  const { rowCount } = await connection.query({
    text: "INSERT INTO duetkv.migrations (version) VALUES ($1) ON CONFLICT DO NOTHING",
    values: [version],
  });
  if (rowCount === 1) await connection.query({ text: migrations[version - 1] as string });
}

/** A deployment with a wrong name must not begin an empty log beside its own. */
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
    `the database has no log of this deployment; it has those of: ${names.join(", ")}. Correct --deployment, ` +
      `or run this to add a deployment: ${connection.inSchema("CREATE SCHEMA duetkv")}`,
  );
}
