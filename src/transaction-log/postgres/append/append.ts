import type { Connection } from "../connection/connection.ts";
import type { Position } from "../follow/history.ts";
import { awaitTurns, endTurn } from "./turn.ts";

/** Followers listen here. The message is the newest sequence, and only a hint: what is true is in the tables. */
export const channel = "duetkv";

/**
 * Compare-and-append. If the batch that the new one stands on is there and nobody else stands on it, the new one and what
 * it holds are inserted; otherwise nothing happens. One statement, so one transaction and one round trip.
 */
const appendStatement = (endsTurn: boolean) => `
  WITH batch AS (
    INSERT INTO duetkv.batches (id, basis, last)
    SELECT $1::uuid, $2::bigint, $3::bigint FROM duetkv.batches, (SELECT ${awaitTurns}) AS turn
    WHERE id = $4::uuid AND last = $2::bigint
    ON CONFLICT DO NOTHING
    RETURNING last
  ), piece AS (
    INSERT INTO duetkv.transactions (last, events) SELECT last, $5::bytea FROM batch
  )
  SELECT pg_notify('${channel}', last::text)${endsTurn ? `, ${endTurn}` : ""} FROM batch`;

export interface AppendBatch extends Position {
  readonly basis: Position;
  /** The piece that holds its transactions. */
  readonly events: Buffer;
}

/**
 * False when another batch stands on the same basis: then this one has not happened and never will. Rejects with the
 * driver's error; unless that is a refusal, the batch may have been appended. `endsTurn`: the connection has a turn, which
 * ends when the batch is appended.
 */
export async function tryAppend(
  connection: Connection,
  batch: AppendBatch,
  endsTurn: boolean,
): Promise<boolean> {
  const { basis, events } = batch;
  const { rowCount } = await connection.queryArrays({
    name: endsTurn ? "duetkv-append-last" : "duetkv-append",
    text: appendStatement(endsTurn),
    values: [batch.batch, basis.sequence, batch.sequence, basis.batch, events],
  });
  return rowCount === 1;
}
