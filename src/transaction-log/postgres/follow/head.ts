import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
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

/**
 * The newest durable sequence, for any number of callers. All callers that wait when a query is sent share its result. No
 * caller gets the result of a query sent before its call, so the result includes every write acknowledged before.
 */
export class Head {
  readonly #connections: Connections;
  readonly #history: History;
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(connections: Connections, history: History) {
    this.#connections = connections;
    this.#history = history;
  }

  latestSequence(): Promise<number> {
    this.#next ??= this.#start();
    return this.#next;
  }

  async #start(): Promise<number> {
    // Callers of the same turn of the event loop share the query.
    await (this.#running?.catch(() => {}) ?? new Promise((resolve) => setImmediate(resolve)));
    const query = this.#query();
    this.#running = query;
    this.#next = undefined;
    try {
      return await query;
    } finally {
      if (this.#running === query) this.#running = undefined;
    }
  }

  async #query(): Promise<number> {
    const { sequence } = await this.#connections.withConnection((connection) =>
      refreshHead(connection, this.#history),
    );
    return sequence;
  }
}
