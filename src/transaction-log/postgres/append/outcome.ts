import type { Connection } from "../connection/connection.ts";
import { refreshHead } from "../follow/head.ts";
import type { History } from "../follow/history.ts";
import type { AppendBatch } from "./append.ts";

/**
 * What became of a batch whose append was sent and not answered. Looking alone would not do: the statement may still be
 * on its way to the server. So its id is taken first, by a row that says that it is void. If the append was there
 * before, or is about to commit, the id is taken already; if it comes later, it finds the id taken and does nothing.
 *
 * That the batch is in the table proves only that the primary has it: a wait for the synchronous standby ends with the
 * backend, and a primary that restarts shows what it had not sent yet. The standby receives commits in order, so once
 * a later one has waited for it, which `commitRow` does, it has the batch too.
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
  // In a database that went back in time the batch may be missing although others have read it.
  await refreshHead(connection, history);
  if (rows[0]?.["appended"] !== true) return false;
  await commitRow(connection);
  return true;
}
