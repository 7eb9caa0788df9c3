import { escapeIdentifier } from "pg";
import { DuetError } from "../../../errors.ts";
import type { Connection } from "./connection.ts";

const needed = `(VALUES
  ('migrations', 'SELECT'), ('log', 'SELECT'), ('log', 'UPDATE'),
  ('batches', 'SELECT'), ('batches', 'INSERT'), ('batches', 'DELETE'),
  ('transactions', 'SELECT'), ('transactions', 'INSERT'), ('transactions', 'DELETE'),
  ('replicas', 'SELECT'), ('replicas', 'INSERT'), ('replicas', 'UPDATE'), ('replicas', 'DELETE')
) AS needed (name, privilege)`;

/** By the catalog, because a table in a schema without USAGE cannot be named. */
const missingPrivileges = `
  SELECT current_user AS role, NOT has_schema_privilege(pg_namespace.oid, 'USAGE') AS unusable,
    string_agg(privilege || ' on duetkv.' || name, ', ') AS missing
  FROM ${needed}
    JOIN pg_namespace ON nspname = 'duetkv'
    JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = name
  WHERE NOT (has_schema_privilege(pg_namespace.oid, 'USAGE') AND has_table_privilege(pg_class.oid, privilege))
  GROUP BY pg_namespace.oid`;

/**
 * Rejects with LOG_UNAVAILABLE when the role lacks a privilege. A later failure would be worse: without DELETE the service
 * would work until the first compaction.
 */
export async function requirePrivileges(connection: Connection): Promise<void> {
  const { rows } = await connection.query({ text: missingPrivileges });
  if (rows.length === 0) return;
  const { role, unusable, missing } = rows[0] as { role: string; unusable: boolean; missing: string };
  const grants = ["GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA duetkv TO "];
  if (unusable) grants.unshift("GRANT USAGE ON SCHEMA duetkv TO ");
  const run = grants.map((grant) => connection.inSchema(grant) + escapeIdentifier(role)).join("; ");
  throw new DuetError("LOG_UNAVAILABLE", `the role "${role}" lacks ${missing}; run: ${run}`);
}
