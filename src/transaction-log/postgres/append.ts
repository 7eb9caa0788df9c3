import type { Transaction } from "../transaction-logger.ts";
import type { Connection } from "./connection.ts";
import { encodeRows, rowArrays, rowColumns } from "./event-rows.ts";
import type { Position } from "./history.ts";
import { awaitTurns, endTurn } from "./turn.ts";

/** Followers listen here. The message is the newest sequence, and only a hint: what is true is in the tables. */
export const channel = "duetkv";

/**
 * Compare-and-append. If the batch that the new one stands on is there and nobody else stands on it, the new one and its
 * events are inserted; otherwise nothing happens. One statement, so one transaction and one round trip.
 */
const appendStatement = (inTurn: boolean) => `
  WITH batch AS (
    INSERT INTO duetkv.batches (id, basis, last)
    SELECT $1::uuid, $2::bigint, $3::bigint FROM duetkv.batches, (SELECT ${awaitTurns}) AS turn
    WHERE id = $4::uuid AND last = $2::bigint
    ON CONFLICT DO NOTHING
    RETURNING last
  ), event AS (
    INSERT INTO duetkv.transactions (${rowColumns})
    SELECT event.* FROM batch, unnest(${rowArrays.map((type, index) => `$${index + 5}::${type}`).join(", ")}) AS event
  )
  SELECT pg_notify('${channel}', last::text)${inTurn ? `, ${endTurn}` : ""} FROM batch`;

export interface AppendBatch extends Position {
  readonly basis: Position;
  readonly transactions: readonly Transaction[];
}

/**
 * False when another batch stands on the same basis: then this one has not happened and never will. Rejects with the
 * driver's error; unless that is a refusal, the batch may have been appended. `inTurn`: the connection has a turn, which
 * ends when the batch is appended.
 */
export async function tryAppend(
  connection: Connection,
  batch: AppendBatch,
  inTurn: boolean,
): Promise<boolean> {
  const { basis, transactions } = batch;
  const { rowCount } = await connection.queryArrays({
    name: inTurn ? "duetkv-append-in-turn" : "duetkv-append",
    text: appendStatement(inTurn),
    values: [batch.batch, basis.sequence, batch.sequence, basis.batch, ...encodeRows(transactions)],
  });
  return rowCount === 1;
}
