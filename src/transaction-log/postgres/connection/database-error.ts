import { DatabaseError } from "pg";

/**
 * True when the database rejected the statement: it had no effect, and the connection is usable. The list has only error
 * classes that end a statement; after any other error the statement may have taken effect. (The severity is in the
 * language of the server, so it cannot be compared.)
 */
export function isRefusal(error: unknown): boolean {
  const code = sqlState(error);
  return code !== undefined && /^(?:0A|21|22|23|25[0-9]|28|42|44|53|54|55|57014|40001|40P01)/.test(code);
}

/** True when the database is out of disk space, memory or another resource (class 53). */
export function isFull(error: unknown): boolean {
  return sqlState(error)?.startsWith("53") === true;
}

export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** The SQLSTATE values that the code distinguishes. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const sqlStates = {
  noSuchDatabase: "3D000",
  databaseExists: "42P04",
  uniqueViolation: "23505",
  insufficientPrivilege: "42501",
  undefinedTable: "42P01",
  warning: "01000",
} as const;

/** Thrown when nothing was sent, because there was no connection. */
export class NotConnectedError extends Error {
  constructor(cause: unknown) {
    super("no connection to the database", { cause });
    this.name = "NotConnectedError";
  }
}

/** Thrown when a statement committed on the primary, but its wait for the synchronous standby was cancelled. */
export class UnreplicatedError extends Error {
  constructor() {
    super("the wait for the synchronous standby was cancelled; the commit may not be replicated");
    this.name = "UnreplicatedError";
  }
}

/**
 * The part of a database or driver error that may be logged: the message and the code. Details, context and the driver's
 * own fields can contain keys, values and connection settings, so they are left out.
 */
export function withoutDetails(error: unknown): Error {
  if (error instanceof NotConnectedError) return withoutDetails(error.cause);
  if (!(error instanceof Error)) return new Error(String(error));
  const { code } = error as NodeJS.ErrnoException;
  const inner = error instanceof AggregateError ? error.errors.map((each) => String(each?.message)) : [];
  const message = [error.message, ...inner].filter((text) => text !== "").join("; ");
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
