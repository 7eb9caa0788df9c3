import { DuetError } from "../../../errors.ts";
import type { Transaction } from "../../transaction-logger.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { readHeader } from "./head.ts";
import type { Header, History } from "./history.ts";
import { type PageLimits, readPage } from "./page.ts";
import { corrupt } from "./piece.ts";
import { PieceReader } from "./piece-reader.ts";
import { standbyProof } from "./standby-proof.ts";

/**
 * Yields every durable transaction after `after`, a page at a time, from one snapshot of the database, which includes the
 * events that compaction drops meanwhile. The synchronous standby has all of them. Throws LOG_CORRUPT rather than
 * skip a transaction, or the driver's error.
 */
export async function* replay(
  connections: Connections,
  history: History,
  after: number,
  limits: PageLimits,
): AsyncGenerator<readonly Transaction[]> {
  const connection = await connections.take();
  let done = false;
  try {
    const header = await beginSnapshot(connection, history);
    const { horizon, sequence } = header;
    await connections.withConnection((other) => other.query({ text: `SELECT ${standbyProof}` }));
    history.prove(header);
    if (after > 0 && after < horizon) {
      throw new DuetError("LOG_CORRUPT", `the log was compacted up to ${horizon}, beyond sequence ${after}`);
    }
    await expectNoneAfter(connection, sequence);
    const reader = new PieceReader(after, horizon);
    for (let complete = false; !complete; ) {
      const page = await readPage(connection, reader.position, sequence, limits);
      complete = page.complete;
      const transactions = reader.add(page.pieces);
      if (complete) reader.expectEnd(header);
      if (transactions.length > 0) yield transactions;
    }
    await connection.query({ text: "COMMIT" });
    done = true;
  } finally {
    // The consumer may stop early.
    if (done) connections.giveBack(connection);
    else connections.drop(connection);
  }
}

/** A head that is damaged must not hide the end of the log. */
export async function expectNoneAfter(connection: Connection, sequence: number): Promise<void> {
  const { rows } = await connection.query({ text: "SELECT max(last) AS last FROM duetkv.transactions" });
  const last = Number(rows[0]?.["last"]);
  if (last > sequence) throw corrupt(`it ends at ${sequence}, and contains the row of transaction ${last}`);
}

async function beginSnapshot(connection: Connection, history: History): Promise<Header> {
  for (;;) {
    await connection.query({ text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" });
    const anchor = history.seen;
    const header = await readHeader(connection, anchor);
    if (history.learn(header, anchor)) return header;
    await connection.query({ text: "COMMIT" });
  }
}
