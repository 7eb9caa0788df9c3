import { DuetError } from "../../duet-error.ts";
import type { Transaction } from "../transaction-logger.ts";
import type { Connections } from "./connections.ts";
import type { History } from "./history.ts";
import { type PageLimits, readPage } from "./page.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";

/**
 * Every durable transaction after `after`, a page at a time, all from one snapshot of the database: what compaction
 * drops meanwhile is still seen. Throws LOG_CORRUPT rather than skip anything, or the driver's error.
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
    await connection.query({ text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" });
    let assembler: TransactionAssembler | undefined;
    for (;;) {
      const anchor = history.seen;
      const page = await readPage(
        connection,
        assembler ?? { sequence: after, position: 0x7fff_ffff },
        anchor,
        limits,
      );
      if (assembler === undefined) {
        const { horizon } = page.header;
        if (!history.learn(page.header, anchor)) {
          await connection.query({ text: "COMMIT" });
          await connection.query({ text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" });
          continue;
        }
        if (after > 0 && after < horizon) {
          throw new DuetError("LOG_CORRUPT", `the log was compacted up to ${horizon}, beyond ${after}`);
        }
        assembler = new TransactionAssembler(after, horizon);
      }
      const transactions = assembler.add(page.rows);
      if (page.complete) {
        transactions.push(...assembler.finish());
        assembler.expectEnd(page.header.sequence);
      }
      if (transactions.length > 0) yield transactions;
      if (page.complete) break;
    }
    await connection.query({ text: "COMMIT" });
    done = true;
  } finally {
    // A reader may stop early.
    if (done) connections.giveBack(connection);
    else connections.drop(connection);
  }
}
