import { Client, escapeIdentifier } from "pg";
import { DuetError } from "../../../errors.ts";
import type { LogSink } from "../../log-sink.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { Doorbell } from "../../shared/doorbell.ts";
import { type Connection, type ConnectionOptions, defaultSchema } from "./connection.ts";
import { sqlState, sqlStates, withoutDetails } from "./database-error.ts";
import { Hosts } from "./hosts.ts";
import { openSession } from "./session.ts";

export interface ReachOptions extends ConnectionOptions {
  readonly log: LogSink;
  readonly startWaitMs: number;
  readonly stopping: AbortSignal;
}

/**
 * As `ensureDatabase`, with retries for up to `startWaitMs` while the database is unreachable, starting, or a standby.
 */
export async function reachDatabase(options: ReachOptions): Promise<void> {
  const { log, startWaitMs, stopping } = options;
  const until = performance.now() + startWaitMs;
  for (let failures = 0; ; failures++) {
    try {
      return await ensureDatabase(options);
    } catch (error) {
      if (!isTransient(error) || performance.now() > until || stopping.aborted) throw error;
      if (failures === 0) {
        log.warn({ err: withoutDetails(error), waitMs: startWaitMs }, "database unreachable; start delayed");
      }
      await new Doorbell().wait(backoffMs(failures), stopping);
    }
  }
}

/** Whether a retry may succeed. */
function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return !(error instanceof DuetError || error instanceof TypeError);
  return /^(?:08|53300|57P0[123])/.test(state);
}

/**
 * Creates the database if it is missing. Resolves when a session in it can be opened. Rejects with the driver's error, or
 * with LOG_UNAVAILABLE when the role may not create the database.
 */
async function ensureDatabase(options: ConnectionOptions): Promise<void> {
  try {
    await (await openBare(options)).end();
    return;
  } catch (error) {
    if (sqlState(error) !== sqlStates.noSuchDatabase) throw error;
  }
  const { database = "", user } = new Client({ connectionString: options.hosts.urls[0] as string });
  const maintenance = await openMaintenance(options);
  try {
    await maintenance.query({
      text: `CREATE DATABASE ${escapeIdentifier(database)} ENCODING 'UTF8' TEMPLATE template0`,
    });
  } catch (error) {
    const state = sqlState(error);
    // Another replica has created it.
    if (state === sqlStates.databaseExists || state === sqlStates.uniqueViolation) return;
    if (state !== sqlStates.insufficientPrivilege) throw error;
    throw new DuetError(
      "LOG_UNAVAILABLE",
      `the database "${database}" does not exist, and the role "${user}" may not create it; ` +
        `run: CREATE DATABASE ${escapeIdentifier(database)} OWNER ${escapeIdentifier(user ?? "")} ` +
        `ENCODING 'UTF8' TEMPLATE template0`,
    );
  } finally {
    await maintenance.end();
  }
}

/** Opens a session in one of the databases that every server has. */
async function openMaintenance(options: ConnectionOptions): Promise<Connection> {
  try {
    return await openBare(inDatabase(options, "postgres"));
  } catch (error) {
    if (sqlState(error) !== sqlStates.noSuchDatabase) throw error;
    return openBare(inDatabase(options, "template1"));
  }
}

/** Opens a session without settings: it may belong to a pool. */
function openBare(options: ConnectionOptions): Promise<Connection> {
  return openSession(options, undefined, { setUp: false });
}

function inDatabase(options: ConnectionOptions, database: string): ConnectionOptions {
  const urls = options.hosts.urls.map((url) => withDatabase(url, database));
  // The statements there name the database, not the schema.
  return { ...options, hosts: new Hosts(urls), schema: defaultSchema };
}

/** Returns `url` with another database. `URL` rejects hosts that the driver accepts. */
export function withDatabase(url: string, database: string): string {
  return url.replace(/^([a-z]+:\/\/[^/?#]*)(?:\/[^?#]*)?/i, `$1/${database}`);
}
