import { DatabaseError } from "pg";

/**
 * True when the database said that it did not do the statement: nothing of it happened, and the connection is good.
 * Only classes of errors that end a statement are in it. After any other error the statement may have happened.
 * (The severity would tell too, but it comes in the language of the server.)
 */
export function isRefusal(error: unknown): boolean {
  const code = sqlState(error);
  return code !== undefined && /^(?:0A|21|22|23|25[0-9]|28|42|44|53|54|55|57014|40001|40P01)/.test(code);
}

/** True when the database lacks what a write needs: disk space, memory, or another resource (class 53). */
export function isFull(error: unknown): boolean {
  return sqlState(error)?.startsWith("53") === true;
}

export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** The names of errors that are told apart. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const sqlStates = {
  noSuchDatabase: "3D000",
  databaseExists: "42P04",
  uniqueViolation: "23505",
  insufficientPrivilege: "42501",
  undefinedTable: "42P01",
  warning: "01000",
} as const;

/** The error of an attempt that sent nothing: there was no connection. */
export class NotConnectedError extends Error {
  constructor(cause: unknown) {
    super("there is no connection to the database", { cause });
    this.name = "NotConnectedError";
  }
}

/** The error of a statement that has committed on the primary, where the wait for the synchronous standby was cancelled. */
export class UnreplicatedError extends Error {
  constructor() {
    super("the wait for the synchronous standby was cancelled; the commit may not be replicated");
    this.name = "UnreplicatedError";
  }
}

/**
 * What may be logged of an error of the database or its driver: the message and the code. Details, context and the
 * driver's own fields can hold keys, values and settings of the connection, and stay out.
 */
export function withoutDetails(error: unknown): Error {
  if (error instanceof NotConnectedError) return withoutDetails(error.cause);
  if (!(error instanceof Error)) return new Error(String(error));
  const { code } = error as NodeJS.ErrnoException;
  const inner = error instanceof AggregateError ? error.errors.map((each) => String(each?.message)) : [];
  const message = [error.message, ...inner].filter((text) => text !== "").join("; ");
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
