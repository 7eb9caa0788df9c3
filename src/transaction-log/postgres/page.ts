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

export interface Page {
  readonly header: Header;
  /** In the order of the log, up to the end in `header`, and from the same snapshot of the database. */
  readonly rows: readonly EventRow[];
  /** False when the limits have cut it off. */
  readonly complete: boolean;
}

const rowLength = 10;

/**
 * The running sum of the sizes stops the page. Sizes of large values are known without reading them. LEFT JOIN: the
 * header comes also without rows.
 */
function pageStatement({ rows, bytes }: PageLimits): string {
  return `
    SELECT ${headerColumns("$3", "$4")}, page.* FROM ${headerTables} LEFT JOIN LATERAL (
      SELECT ${rowColumns}, total FROM (
        SELECT *, sum(size) OVER (ORDER BY sequence, position ROWS UNBOUNDED PRECEDING) AS total FROM (
          SELECT *, octet_length(key) + coalesce(octet_length(text), octet_length(bytes), 0) AS size
          FROM duetkv.transactions
          WHERE (sequence, position) > ($1::bigint, $2::integer) AND sequence <= head.last
          ORDER BY sequence, position LIMIT ${rows}
        ) AS ahead
      ) AS summed WHERE total - size < ${bytes}
    ) AS page ON true`;
}

/** Rejects with the driver's error. */
export async function readPage(
  connection: Connection,
  after: Cursor,
  anchor: Position,
  limits: PageLimits,
): Promise<Page> {
  const { rows } = await connection.queryArrays({
    name: `duetkv-page-${limits.rows}-${limits.bytes}`,
    text: pageStatement(limits),
    values: [after.sequence, after.position, anchor.sequence, anchor.batch],
  });
  const header = decodeHeader(rows[0] as unknown as HeaderRow);
  // Sequence 0 is in no row: there are none.
  const events =
    rows[0]?.[headerLength] === null ? [] : rows.map((row) => row.slice(headerLength) as unknown as EventRow);
  const total = Number(rows.at(-1)?.[headerLength + rowLength] ?? 0);
  return { header, rows: events, complete: events.length < limits.rows && total < limits.bytes };
}
