import { openDatabase } from "../../src/database.ts";
import { defaultLimits } from "../../src/limits.ts";
import { silentLogger } from "../../src/logging.ts";
import { createKeyValueService } from "../../src/service/key-value-service.ts";
import { openFileTransactionLogger } from "../../src/transaction-log/file/file-transaction-logger.ts";

/** Duet KV's handlers over a file log, without its wire. */
export async function openHandlers(directory: string) {
  const logger = await openFileTransactionLogger({ directory });
  const database = await openDatabase({ logger, limits: defaultLimits, log: silentLogger });
  return createKeyValueService(database, defaultLimits);
}

export function sayReady(port: number): void {
  console.log(JSON.stringify({ msg: "ready", listen: `127.0.0.1:${port}` }));
}
