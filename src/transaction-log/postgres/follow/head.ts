import type { Connection } from "../connection/connection.ts";
import {
  decodeHeader,
  type Header,
  type HeaderRow,
  type History,
  headerColumns,
  headerTables,
  type Position,
} from "./history.ts";

const anyPosition: Position = { sequence: 0, batch: "00000000-0000-0000-0000-000000000000" };

/** Reads the end of the log. */
export async function readHeader(connection: Connection, anchor = anyPosition): Promise<Header> {
  const { rows } = await connection.queryArrays({
    name: "duetkv-header",
    text: `SELECT ${headerColumns("$1", "$2")} FROM ${headerTables}`,
    values: [anchor.sequence, anchor.batch],
  });
  return decodeHeader(rows[0] as unknown as HeaderRow);
}

/** Reads the end of the log into `history`. Rejects with the driver's error or the fault of `history`. */
export async function refreshHead(connection: Connection, history: History): Promise<Header> {
  for (;;) {
    const anchor = history.seen;
    const header = await readHeader(connection, anchor);
    if (history.learn(header, anchor)) return header;
  }
}
