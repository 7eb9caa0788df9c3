import type { Connection } from "../connection/connection.ts";
import { refreshHead } from "../follow/head.ts";
import type { History } from "../follow/history.ts";
import type { AppendBatch } from "./append.ts";

/**
 * Finds the outcome of a batch whose append got no response. A query alone does not suffice: the statement may still be
 * on its way to the server. So a row that voids the batch is inserted with its id first. If the append has committed, or
 * is about to, the id exists already; if the append arrives later, it conflicts with this row and does nothing.
 *
 * A batch in the table is proven only for the primary: the wait for the synchronous standby ends with the backend, and a
 * restarted primary shows commits that it has not sent yet. The standby receives commits in order. `commitRow` waits for
 * a later commit on the standby, which therefore has the batch, too.
 *
 * Resolves with true when the batch is in the log, and with false when it is not and never will be. Rejects with the
 * driver's error, or with the fault of `history`.
 */
export async function resolveOutcome(
  connection: Connection,
  history: History,
  { batch }: AppendBatch,
  commitRow: (connection: Connection) => Promise<void>,
): Promise<boolean> {
  await connection.query({
    text: "INSERT INTO duetkv.batches (id) VALUES ($1::uuid) ON CONFLICT (id) DO NOTHING",
    values: [batch],
  });
  const { rows } = await connection.query({
    text: "SELECT last IS NOT NULL AS appended FROM duetkv.batches WHERE id = $1::uuid",
    values: [batch],
  });
  // In a database that went back in time the batch may be missing although other replicas have read it.
  await refreshHead(connection, history);
  if (rows[0]?.["appended"] !== true) return false;
  await commitRow(connection);
  return true;
}
