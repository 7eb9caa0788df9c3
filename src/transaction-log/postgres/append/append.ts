import type { Connection } from "../connection/connection.ts";
import type { Position } from "../follow/history.ts";
import { awaitLeases, endLease } from "./append-lease.ts";

/** The channel of notifications to followers. The payload is the newest sequence: a hint, the tables are authoritative. */
export const channel = "duetkv";

/**
 * Compare-and-append. Inserts the batch and its transactions if the batch at its basis exists and no other batch has that
 * basis; otherwise inserts nothing. One statement, so one transaction and one round trip.
 */
const appendStatement = (endsLease: boolean) => `
  WITH batch AS (
    INSERT INTO duetkv.batches (id, basis, last)
    SELECT $1::uuid, $2::bigint, $3::bigint FROM duetkv.batches, (SELECT ${awaitLeases}) AS lease
    WHERE id = $4::uuid AND last = $2::bigint
    ON CONFLICT DO NOTHING
    RETURNING last
  ), piece AS (
    INSERT INTO duetkv.transactions (last, events) SELECT last, $5::bytea FROM batch
  )
  SELECT pg_notify('${channel}', last::text)${endsLease ? `, ${endLease}` : ""} FROM batch`;

export interface AppendBatch extends Position {
  readonly basis: Position;
  /** Its transactions, encoded as a piece. */
  readonly events: Buffer;
}

/**
 * Sends one append. Resolves with false when another batch has the same basis: then this batch is not in the log and never
 * will be. Rejects with the driver's error; unless that is a refusal, the batch may have been appended. `endsLease`: the
 * connection has the lease, which ends when the batch is appended.
 */
export async function tryAppend(
  connection: Connection,
  batch: AppendBatch,
  endsLease: boolean,
): Promise<boolean> {
  const { basis, events } = batch;
  const { rowCount } = await connection.queryArrays({
    name: endsLease ? "duetkv-append-last" : "duetkv-append",
    text: appendStatement(endsLease),
    values: [batch.batch, basis.sequence, batch.sequence, basis.batch, events],
  });
  return rowCount === 1;
}
