import type { Connection } from "./connection.ts";
import { type EventRow, rowColumns } from "./event-rows.ts";
import {
  decodeHeader,
  type Header,
  type HeaderRow,
  headerColumns,
  headerLength,
  headerTables,
  type Position,
} from "./history.ts";

/** What a page may hold. One event is always in, however large. */
export interface PageLimits {
  readonly rows: number;
  /** Keys and values. */
  readonly bytes: number;
}

/** Where a page begins: after this event. */
export interface Cursor {
  readonly sequence: number;
  readonly position: number;
}

/** Events in the order of the log. */
export interface Page {
  readonly rows: readonly EventRow[];
  /** False when the limits have cut it off. */
  readonly complete: boolean;
}

/** What is between `$1, $2` and `end`. The running sum of the sizes stops it; large values are not read for that. */
function rowsBefore(end: string, { rows, bytes }: PageLimits): string {
  return `SELECT ${rowColumns}, total FROM (
      SELECT *, sum(size) OVER (ORDER BY sequence, position ROWS UNBOUNDED PRECEDING) AS total FROM (
        SELECT *, octet_length(key) + coalesce(octet_length(text), octet_length(bytes), 0) AS size
        FROM duetkv.transactions
        WHERE (sequence, position) > ($1::bigint, $2::integer) AND sequence <= ${end}
        ORDER BY sequence, position LIMIT ${rows}
      ) AS ahead
    ) AS summed WHERE total - size < ${bytes}`;
}

/** What comes after `after`, up to the transaction `last`. Rejects with the driver's error. */
export async function readPage(
  connection: Connection,
  after: Cursor,
  last: number,
  limits: PageLimits,
): Promise<Page> {
  const { rows } = await connection.queryArrays({
    name: `duetkv-page-${limits.rows}-${limits.bytes}`,
    text: rowsBefore("$3::bigint", limits),
    values: [after.sequence, after.position, last],
  });
  return { rows: rows as unknown as EventRow[], complete: isComplete(rows, limits) };
}

/**
 * What comes after `after`, up to the end of the log, and the header, in one snapshot and one round trip. Rejects with
 * the driver's error.
 */
export async function readNewest(
  connection: Connection,
  after: Cursor,
  anchor: Position,
  limits: PageLimits,
): Promise<Page & { readonly header: Header }> {
  const { rows } = await connection.queryArrays({
    name: `duetkv-newest-${limits.rows}-${limits.bytes}`,
    // The header comes also when there are no rows.
    text: `SELECT ${headerColumns("$3", "$4")}, page.* FROM ${headerTables}
      LEFT JOIN LATERAL (${rowsBefore("head.last", limits)}) AS page ON true`,
    values: [after.sequence, after.position, anchor.sequence, anchor.batch],
  });
  const header = decodeHeader(rows[0] as unknown as HeaderRow);
  const events = rows[0]?.[headerLength] === null ? [] : rows.map((row) => row.slice(headerLength));
  return { header, rows: events as unknown as EventRow[], complete: isComplete(events, limits) };
}

/** The last column is the running sum. */
function isComplete(rows: readonly (readonly unknown[])[], { rows: rowsMax, bytes }: PageLimits): boolean {
  return rows.length < rowsMax && Number(rows.at(-1)?.at(-1) ?? 0) < bytes;
}
