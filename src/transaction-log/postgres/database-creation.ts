import { Client, escapeIdentifier } from "pg";
import { DuetError } from "../../errors.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { sqlState, sqlStates } from "./database-error.ts";

/**
 * Resolves when a session in the database could be opened; the database is created for that when it is missing. Rejects
 * with the driver's error, or with one that says that the role may not create it.
 */
export async function ensureDatabase(options: ConnectionOptions): Promise<void> {
  try {
    await (await openConnection(options)).end();
    return;
  } catch (error) {
    if (sqlState(error) !== sqlStates.noSuchDatabase) throw error;
  }
  const { database = "", user } = new Client({ connectionString: options.url });
  const maintenance = await openMaintenance(options);
  try {
    await maintenance.query({
      text: `CREATE DATABASE ${escapeIdentifier(database)} ENCODING 'UTF8' TEMPLATE template0`,
    });
  } catch (error) {
    const state = sqlState(error);
    // Another replica was faster.
    if (state === sqlStates.databaseExists || state === sqlStates.uniqueViolation) return;
    if (state !== sqlStates.insufficientPrivilege) throw error;
    throw new DuetError(
      "LOG_UNAVAILABLE",
      `the database "${database}" does not exist, and the role "${user}" may not create it. ` +
        `Create it with: CREATE DATABASE ${escapeIdentifier(database)} OWNER ${escapeIdentifier(user ?? "")} ` +
        `ENCODING 'UTF8' TEMPLATE template0`,
    );
  } finally {
    await maintenance.end();
  }
}

/** A session in one of the databases that every server has. */
async function openMaintenance(options: ConnectionOptions): Promise<Connection> {
  try {
    return await openConnection({ ...options, url: withDatabase(options.url, "postgres") });
  } catch (error) {
    if (sqlState(error) !== sqlStates.noSuchDatabase) throw error;
    return openConnection({ ...options, url: withDatabase(options.url, "template1") });
  }
}

async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const connection = new Connection(options);
  await connection.start();
  return connection;
}

/** Not through `URL`, which refuses hosts that the driver takes. */
export function withDatabase(url: string, database: string): string {
  return url.replace(/^([a-z]+:\/\/[^/?#]*)(?:\/[^?#]*)?/i, `$1/${database}`);
}
