import { DuetError } from "../../errors.ts";
import type { Transaction } from "../transaction-logger.ts";
import type { Connection } from "./connection/connection.ts";
import { Connections } from "./connection/connections.ts";
import { withoutDetails } from "./connection/database-error.ts";
import { requireTables } from "./connection/migrations.ts";
import { readHeader } from "./follow/head.ts";
import { type PageLimits, readPage } from "./follow/page.ts";
import { corrupt } from "./follow/piece.ts";
import { PieceReader } from "./follow/piece-reader.ts";
import { expectNoneAfter } from "./follow/replay.ts";
import { completeOptions, type PostgresTransactionLoggerOptions } from "./options.ts";

export interface PostgresLogReport {
  readonly rows: number;
  readonly transactions: number;
  /** The last good one, when the log is damaged. */
  readonly lastSequence: number;
  readonly horizon: number;
  /** LOG_CORRUPT or LOG_VERSION; nothing after it was read. */
  readonly damage: DuetError | undefined;
}

/**
 * Reads and checks the whole log as of one moment, and changes nothing; replicas may use it meanwhile. `onTransactions` is
 * given what is before the first damage, in order. Rejects with LOG_CORRUPT when there is no log, with LOG_VERSION when a
 * later release has made its tables, and with LOG_UNAVAILABLE.
 */
export async function inspectPostgresLog(
  given: PostgresTransactionLoggerOptions,
  onTransactions: (transactions: readonly Transaction[]) => void = () => {},
): Promise<PostgresLogReport> {
  const options = completeOptions(given);
  const connections = new Connections(options);
  try {
    return await connections.transact("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", (connection) =>
      inspect(connection, options.pageLimits, onTransactions),
    );
  } catch (error) {
    if (error instanceof DuetError) throw error;
    const cause = withoutDetails(error);
    throw new DuetError("LOG_UNAVAILABLE", `reading the log in the database failed: ${cause.message}`, {
      cause,
    });
  } finally {
    await connections.close();
  }
}

async function inspect(
  connection: Connection,
  limits: PageLimits,
  onTransactions: (transactions: readonly Transaction[]) => void,
): Promise<PostgresLogReport> {
  await requireTables(connection);
  const header = await readHeader(connection);
  const { horizon, sequence } = header;
  const reader = new PieceReader(0, horizon);
  let rows = 0;
  let count = 0;
  let damage: DuetError | undefined;
  try {
    for (let complete = false; !complete; ) {
      const page = await readPage(connection, reader.position, sequence, limits);
      ({ complete } = page);
      const end = complete ? sequence : (page.pieces.at(-1)?.last ?? sequence);
      const batches = await readBatches(connection, reader.position, end);
      for (const piece of page.pieces) {
        const basis = reader.position;
        const transactions = reader.add([piece]);
        onTransactions(transactions);
        rows++;
        count += transactions.length;
        expectBatch(batches.get(piece.last), { basis, last: piece.last, id: reader.batch }, horizon);
        batches.delete(piece.last);
      }
      for (const last of batches.keys()) if (last > horizon) throw corrupt(`no row ends at ${last}`);
      if (complete) reader.expectEnd(header);
    }
    await expectNoneAfter(connection, sequence);
  } catch (error) {
    if (!(error instanceof DuetError)) throw error;
    damage = error;
  }
  const lastSequence = damage ? reader.position : sequence;
  return { rows, transactions: count, lastSequence, horizon, damage };
}

interface BatchRow {
  readonly basis: number;
  readonly last: number;
  /** Undefined when it is not known. */
  readonly id: string | undefined;
}

/** The batches that end after `after`, up to `last`, by their end. */
async function readBatches(
  connection: Connection,
  after: number,
  last: number,
): Promise<Map<number, BatchRow>> {
  const { rows } = await connection.queryArrays({
    name: "duetkv-batches",
    text: `SELECT basis, last, id FROM duetkv.batches
      WHERE basis IS NOT NULL AND last > $1::bigint AND last <= $2::bigint`,
    values: [after, last],
  });
  return new Map(
    rows.map(([basis, end, id]) => [
      Number(end),
      { basis: Number(basis), last: Number(end), id: id as string },
    ]),
  );
}

/** Compaction merges rows and removes batches; after the horizon both correspond. */
function expectBatch(batch: BatchRow | undefined, { basis, last, id }: BatchRow, horizon: number): void {
  if (last <= horizon) return;
  const isSame =
    batch !== undefined &&
    (id === undefined || id === batch.id) &&
    (basis < horizon || basis === batch.basis);
  if (!isSame) throw corrupt(`the batch that ends at ${last} is not the one of its row`);
}
