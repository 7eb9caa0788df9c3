import { escapeIdentifier } from "pg";
import { DuetError } from "../../../errors.ts";
import type { Connection } from "./connection.ts";

const needed = `(VALUES
  ('migrations', 'SELECT'), ('log', 'SELECT'), ('log', 'UPDATE'),
  ('batches', 'SELECT'), ('batches', 'INSERT'), ('batches', 'DELETE'),
  ('transactions', 'SELECT'), ('transactions', 'INSERT'), ('transactions', 'DELETE'),
  ('replicas', 'SELECT'), ('replicas', 'INSERT'), ('replicas', 'UPDATE'), ('replicas', 'DELETE')
) AS needed (name, privilege)`;

/**
 * Rejects with LOG_UNAVAILABLE when the role lacks a privilege. A later failure would be worse: without DELETE the service
 * would work until the first compaction.
 */
export async function requirePrivileges(connection: Connection): Promise<void> {
  const { rows } = await connection.query({
    text: `SELECT current_user AS role, string_agg(privilege || ' on duetkv.' || name, ', ') AS missing
      FROM ${needed} WHERE NOT has_table_privilege('duetkv.' || name, privilege)`,
  });
  const { role, missing } = rows[0] as { readonly role: string; readonly missing: string | null };
  if (missing === null) return;
  throw new DuetError(
    "LOG_UNAVAILABLE",
    `the role "${role}" lacks ${missing}; run: ` +
      connection.inSchema("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA duetkv TO ") +
      escapeIdentifier(role),
  );
}
