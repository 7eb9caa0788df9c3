import { onTestFinished } from "vitest";
import {
  type Database,
  openDatabase,
  prefixRange,
  type TransactionLogger,
  toRequestId,
} from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { uuid7 } from "./support/uuid7.ts";

/** Little history, so that compactions reach what 0.1 wrote. */
const limits = { ...defaultLimits, compactionBytesMin: 10_000, watchHistoryEventsMax: 100 };

export async function open(logger: TransactionLogger): Promise<Database> {
  const database = await openDatabase({ logger, limits, log: silentLogger });
  onTestFinished(() => database.close());
  return database;
}

export const valuesOf = (database: Database) =>
  new Map(Array.from(database.scan(prefixRange(""), false), (entry) => [entry.key, entry.value]));

/** 16 writers at once, with request ids and without. Keys begin with `prefix`. */
export async function write(
  database: Database,
  rounds: number,
  prefix = "new",
): Promise<ReadonlyMap<string, string>> {
  const written = new Map<string, string>();
  await Promise.all(
    Array.from({ length: 16 }, async (_, writer) => {
      for (let round = 0; round < rounds; round++) {
        const [key, value] = [`${prefix} ${writer} ${round % 3}`, `${round} `.repeat(50)];
        const requestId = round % 2 === 0 ? toRequestId(uuid7(Date.now())) : undefined;
        await database.commit({
          checks: [],
          mutations: [{ type: "put", key, value, ttlMs: 0 }],
          requestId,
        });
        written.set(key, value);
      }
    }),
  );
  return written;
}
