import type { Outcome } from "./call-outcome.ts";

export type { Outcome };

/** What is known of a failed call. */
export interface ErrorDetails {
  /** The code of gRPC in small letters: `not_found`. */
  readonly code: string;
  /** The reason that the service gave, such as `KEY_EXISTS`; empty, or `TLS_CLOSED`, if the service did not respond. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** Whether the call may have changed something. */
  readonly outcome: Outcome;
  /** The facts that the service gave with the reason, such as `current_revision`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long the service asks to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** A call that failed. The classes below are for the failures that programs handle. */
export class DuetError extends Error {
  /** The code of gRPC in small letters: `not_found`; `canceled` if the signal of the call has aborted. */
  declare readonly code: string;
  /** The reason that the service gave, such as `KEY_EXISTS`; empty, or `TLS_CLOSED`, if the service did not respond. */
  declare readonly reason: string;
  /** `nothing`: the call has changed nothing. `unknown`: a write may have happened, or may happen yet. */
  declare readonly outcome: Outcome;
  /** The facts that the service gave with the reason, such as `current_revision`. */
  declare readonly metadata: Readonly<Record<string, string>>;
  /** How long the service asks to wait before the next try, in milliseconds. */
  declare readonly retryAfterMs: number | undefined;

  constructor({ message, ...facts }: ErrorDetails, cause?: unknown) {
    super(message, { cause });
    // The name of the class itself is lost in minified programs. The facts of another error include its name.
    Object.assign(this, facts, { name: "DuetError" });
  }
}

/** A precondition or a check failed: somebody else wrote first. Nothing happened. */
export class ConflictError extends DuetError {
  override readonly name = "ConflictError";

  /** The revision of the entry now; 0 if there is none. */
  get currentRevision(): number {
    return Number(this.metadata["current_revision"] ?? 0);
  }
}

/** The write may or may not have happened, and could not be repeated until it was known. */
export class UnknownOutcomeError extends DuetError {
  override readonly name = "UnknownOutcomeError";
}

/** `timeoutMs` is over. `outcome` tells whether a write may have happened. */
export class TimeoutError extends DuetError {
  override readonly name = "TimeoutError";
}

/** The credentials are missing, wrong or expired, also after they were asked for again. */
export class UnauthenticatedError extends DuetError {
  override readonly name = "UnauthenticatedError";
}

/** The identity lacks a right. */
export class ForbiddenError extends DuetError {
  override readonly name = "ForbiddenError";

  /** The right that is missing, such as `write`. */
  get right(): string | undefined {
    return this.metadata["right"];
  }

  /** The whole key or prefix that the call asked for. */
  get key(): string | undefined {
    return this.metadata["key"];
  }

  /** The prefixes in which the identity has the right. */
  get permittedPrefixes(): readonly string[] {
    const prefixes = this.metadata["permitted_prefixes"];
    return prefixes === undefined ? [] : (JSON.parse(prefixes) as string[]);
  }
}

/** Something is too large or too much, or the store is full; `reason` names the limit. Nothing happened. */
export class LimitError extends DuetError {
  override readonly name = "LimitError";
}

/** No server can do it now. Nothing happened. */
export class UnavailableError extends DuetError {
  override readonly name = "UnavailableError";
}

/** The history of the store does not reach back to the revision. */
export class HistoryGoneError extends DuetError {
  override readonly name = "HistoryGoneError";
}

/** A value could not be decoded or encoded; `cause` has the error of the codec. Not a DuetError. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  /** The key of the entry, relative to the scope. */
  readonly key: string;

  constructor(key: string, message: string, cause?: unknown) {
    super(`the value of ${JSON.stringify(key)}: ${message}`, { cause });
    this.key = key;
  }
}

const classes: Readonly<Record<string, typeof DuetError>> = {
  aborted: ConflictError,
  already_exists: ConflictError,
  deadline_exceeded: TimeoutError,
  unauthenticated: UnauthenticatedError,
  permission_denied: ForbiddenError,
  resource_exhausted: LimitError,
  unavailable: UnavailableError,
  out_of_range: HistoryGoneError,
};

/** The error of the class that stands for the code and the outcome. Without a reason: the service has not given one. */
export function createError(
  known: Pick<ErrorDetails, "code" | "message" | "outcome"> & Partial<ErrorDetails>,
  cause?: unknown,
): DuetError {
  const details = { reason: "", metadata: {}, ...known };
  const { code, outcome } = details;
  const isUnknown = outcome === "unknown" && code !== "deadline_exceeded";
  return new (isUnknown ? UnknownOutcomeError : (classes[code] ?? DuetError))(details, cause);
}
