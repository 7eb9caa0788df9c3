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

/** Everybody may execute it unless that was revoked. Later releases of PostgreSQL have given it more parameters. */
const missingFunctions = `
  SELECT current_user AS role, oid::regprocedure::text AS missing FROM pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = 'pg_logical_emit_message'
    AND proargtypes[2] = 'text'::regtype AND NOT has_function_privilege(oid, 'EXECUTE')`;

interface Lack {
  readonly role: string;
  readonly missing: string;
  /** Statements without the role, which comes last. */
  readonly grants: readonly string[];
}

/**
 * Rejects with LOG_UNAVAILABLE when the role lacks a privilege. A later failure would be worse: without DELETE the service
 * would work until the first compaction.
 */
export async function requirePrivileges(connection: Connection): Promise<void> {
  const [first, ...others] = [...(await tableLacks(connection)), ...(await functionLacks(connection))];
  if (first === undefined) return;
  const lacks = [first, ...others];
  const missing = lacks.map((lack) => lack.missing).join(", ");
  const to = escapeIdentifier(first.role);
  const run = lacks
    .flatMap(({ grants }) => grants.map((grant) => connection.inSchema(grant) + to))
    .join("; ");
  throw new DuetError("LOG_UNAVAILABLE", `the role "${first.role}" lacks ${missing}; run: ${run}`);
}

async function tableLacks(connection: Connection): Promise<Lack[]> {
  const { rows } = await connection.query({ text: missingPrivileges });
  return rows.map(({ role, unusable, missing }) => {
    const grants = ["GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA duetkv TO "];
    return { role, missing, grants: unusable ? ["GRANT USAGE ON SCHEMA duetkv TO ", ...grants] : grants };
  });
}

async function functionLacks(connection: Connection): Promise<Lack[]> {
  const { rows } = await connection.query({ text: missingFunctions });
  return rows.map(({ role, missing }) => {
    return { role, missing: `EXECUTE on ${missing}`, grants: [`GRANT EXECUTE ON FUNCTION ${missing} TO `] };
  });
}
