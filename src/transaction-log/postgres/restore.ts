import { randomUUID } from "node:crypto";
import { DuetError } from "../../errors.ts";
import type { Transaction } from "../transaction-logger.ts";
import type { Connection } from "./connection/connection.ts";
import { Connections } from "./connection/connections.ts";
import { withoutDetails } from "./connection/database-error.ts";
import { migrate } from "./connection/migrations.ts";
import { refuseTransactionPooling } from "./connection/pooling.ts";
import { requirePrivileges } from "./connection/privileges.ts";
import { reachDatabase } from "./connection/reach-database.ts";
import { encodePiece } from "./follow/piece.ts";
import { completeOptions, type PostgresTransactionLoggerOptions } from "./options.ts";

/** A row gets its last transaction when it has so many, or so many bytes of values. */
const rowLimits = { transactions: 500, bytes: 256 * 1024 };

/**
 * Makes a log that begins at `horizon` with what `transactions` hold, in order of sequence, as if a compaction had left it.
 * Rejects with LOG_NOT_EMPTY when the log of the deployment has ever been written to, with what `transactions` throw, and as
 * opening a log does. All of it happens in one transaction of the database, or nothing.
 */
export async function restorePostgresLog(
  given: PostgresTransactionLoggerOptions,
  horizon: number,
  transactions: AsyncIterable<Transaction>,
): Promise<void> {
  const options = completeOptions(given);
  const connections = new Connections(options);
  try {
    await reachDatabase(options);
    await refuseTransactionPooling(options);
    await migrate(connections);
    await connections.withConnection(requirePrivileges);
    await connections.transact("BEGIN", async (connection) => {
      await expectEmpty(connection);
      const batch = await writeRows(connection, horizon, transactions);
      await connection.query({
        text: "INSERT INTO duetkv.batches (id, basis, last) VALUES ($1::uuid, 0, $2::bigint)",
        values: [batch, horizon],
      });
      await connection.query({
        text: "UPDATE duetkv.log SET horizon = $1::bigint",
        values: [horizon],
      });
    });
  } catch (error) {
    if (error instanceof DuetError) throw error;
    const cause = withoutDetails(error);
    throw new DuetError("LOG_UNAVAILABLE", `restoring into the database failed: ${cause.message}`, { cause });
  } finally {
    await connections.close();
  }
}

async function expectEmpty(connection: Connection): Promise<void> {
  // The lock keeps a second restore out. An append of a replica that is running would fail, as it stands on batch 0.
  await connection.query({ text: "SELECT FROM duetkv.log FOR UPDATE" });
  const { rows } = await connection.query({
    text: "SELECT coalesce(max(last), 0) AS last FROM duetkv.batches WHERE basis IS NOT NULL",
  });
  const last = Number(rows[0]?.["last"]);
  if (last > 0) {
    const message = `the log in the database is not empty: it ends at sequence ${last}; restore into a new database or deployment`;
    throw new DuetError("LOG_NOT_EMPTY", message);
  }
}

/** Resolves with the id of the batch in the last row. */
async function writeRows(
  connection: Connection,
  horizon: number,
  transactions: AsyncIterable<Transaction>,
): Promise<string> {
  let basis = 0;
  let row: Transaction[] = [];
  let bytes = 0;
  const write = async (last: number, id: string | undefined) => {
    const piece = encodePiece({ basis, last, id, previous: undefined, transactions: row });
    await connection.query({
      name: "duetkv-keep",
      text: "INSERT INTO duetkv.transactions (last, events) VALUES ($1::bigint, $2::bytea)",
      values: [piece.last, piece.events],
    });
    basis = last;
    row = [];
    bytes = 0;
  };
  for await (const transaction of transactions) {
    row.push(transaction);
    for (const event of transaction.events) bytes += event.type === "put" ? event.value.length : 0;
    const isFull = row.length === rowLimits.transactions || bytes >= rowLimits.bytes;
    if (isFull) await write(transaction.sequence, undefined);
  }
  const id = randomUUID();
  await write(horizon, id);
  return id;
}
