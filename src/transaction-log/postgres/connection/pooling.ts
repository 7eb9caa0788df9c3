import { DuetError } from "../../../errors.ts";
import type { Connection, ConnectionOptions } from "./connection.ts";
import { openSession } from "./session.ts";

/** A single round could miss the pooling when other clients use the pool at the same moment. */
const rounds = 3;

/**
 * Rejects with LOG_UNAVAILABLE when a pooler gives its clients another session for each transaction. Session settings
 * would then reach other users of the pool, and session locks would protect nothing. Two connections detect it without
 * side effects: while one is in a transaction, it cannot have the session of the other.
 */
export async function refuseTransactionPooling(options: ConnectionOptions): Promise<void> {
  const opened: Connection[] = [];
  const open = () => openSession(options, (connection) => opened.push(connection), { setUp: false });
  try {
    const [one, other] = [await open(), await open()];
    for (let round = 0; round < rounds; round++) {
      const before = await sessionOf(one);
      await other.query({ text: "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0" });
      if ((await sessionOf(other)) === before || (await sessionOf(one)) !== before) {
        throw new DuetError(
          "LOG_UNAVAILABLE",
          "the connection pooler uses transaction pooling; connect to PostgreSQL directly, or use session pooling " +
            "(pool_mode = session)",
        );
      }
      await other.query({ text: "COMMIT" });
    }
  } finally {
    for (const connection of opened) connection.kill();
    await Promise.all(opened.map((connection) => connection.closed()));
  }
}

async function sessionOf(connection: Connection): Promise<unknown> {
  const { rows } = await connection.query({ text: "SELECT pg_catalog.pg_backend_pid() AS pid" });
  return rows[0]?.["pid"];
}
