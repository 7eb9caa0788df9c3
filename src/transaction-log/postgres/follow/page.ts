import type { Connection } from "../connection/connection.ts";
import {
  decodeHeader,
  type Header,
  type HeaderRow,
  headerColumns,
  headerLength,
  headerTables,
  type Position,
} from "./history.ts";
import type { Piece } from "./piece.ts";
import { standbyProof } from "./standby-proof.ts";

/** The limits of a page. A page has at least one piece, however large. */
export interface PageLimits {
  readonly pieces: number;
  readonly bytes: number;
}

/** Pieces in the order of the log. */
export interface Page {
  readonly pieces: readonly Piece[];
  /** False when there may be more beyond the limits. */
  readonly complete: boolean;
}

/** The pieces after `$1` up to `end`. The running sum of their sizes limits them, without a read of large pieces. */
function piecesBefore(end: string, { pieces, bytes }: PageLimits): string {
  return `SELECT last, events, total FROM (
      SELECT last, events, sum(octet_length(events)) OVER (ORDER BY last ROWS UNBOUNDED PRECEDING) AS total FROM (
        SELECT last, events FROM duetkv.transactions WHERE last > $1::bigint AND last <= ${end}
        ORDER BY last LIMIT ${pieces}
      ) AS ahead
    ) AS summed WHERE total - octet_length(events) < ${bytes}`;
}

/** Reads the pieces after `after`, up to the transaction `last`. Rejects with the driver's error. */
export async function readPage(
  connection: Connection,
  after: number,
  last: number,
  limits: PageLimits,
): Promise<Page> {
  const { rows } = await connection.queryArrays({
    name: `duetkv-page-${limits.pieces}-${limits.bytes}`,
    text: piecesBefore("$2::bigint", limits),
    values: [after, last],
  });
  return toPage(rows, limits);
}

/**
 * Reads the pieces after `after`, up to the end of the log, and the header, in one snapshot and one round trip. If there
 * are pieces, the synchronous standby has them. Rejects with the driver's error, also when the wait for the standby was
 * cancelled.
 */
export async function readNewest(
  connection: Connection,
  after: number,
  anchor: Position,
  limits: PageLimits,
): Promise<Page & { readonly header: Header }> {
  const { rows } = await connection.queryArrays({
    name: `duetkv-newest-${limits.pieces}-${limits.bytes}`,
    // The header is returned also when there are no pieces. A query that finds nothing new writes nothing.
    text: `WITH header (history, horizon, last, batch, anchored, proof) AS MATERIALIZED (
        SELECT ${headerColumns("$2", "$3")}, CASE WHEN head.last > $1::bigint THEN ${standbyProof} END
        FROM ${headerTables})
      SELECT history, horizon, header.last, batch, anchored, page.* FROM header
        LEFT JOIN LATERAL (${piecesBefore("header.last", limits)}) AS page ON true`,
    values: [after, anchor.sequence, anchor.batch],
  });
  const header = decodeHeader(rows[0] as unknown as HeaderRow);
  const pieces = rows[0]?.[headerLength] === null ? [] : rows.map((row) => row.slice(headerLength));
  return { header, ...toPage(pieces, limits) };
}

function toPage(rows: readonly (readonly unknown[])[], limits: PageLimits): Page {
  const total = Number(rows.at(-1)?.[2] ?? 0);
  return {
    pieces: rows.map(([last, events]) => ({ last: Number(last), events: events as Buffer })),
    complete: rows.length < limits.pieces && total < limits.bytes,
  };
}
