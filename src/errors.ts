/** Why something could not be done. Reasons are part of the API: they reach clients in google.rpc.ErrorInfo. */
export type Reason =
  // The request is not one that can be carried out.
  | "KEY_EMPTY"
  | "KEY_TOO_LONG"
  | "KEY_INVALID"
  | "KEY_REPEATED"
  | "VALUE_AMBIGUOUS"
  | "VALUE_INVALID"
  | "VALUE_TOO_LARGE"
  | "REQUEST_TOO_LARGE"
  | "RESPONSE_TOO_LARGE"
  | "TOO_MANY_OPERATIONS"
  | "TTL_INVALID"
  | "PRECONDITION_INVALID"
  | "RANGE_INVALID"
  | "PAGE_SIZE_INVALID"
  | "PAGE_TOKEN_INVALID"
  | "REVISION_INVALID"
  | "REQUEST_MALFORMED"
  | "METHOD_NOT_ALLOWED"
  | "NO_SUCH_ROUTE"
  | "NO_SUCH_SERVICE"
  // The state of the store is another one than the request needs.
  | "NO_SUCH_KEY"
  | "REVISION_MISMATCH"
  | "KEY_EXISTS"
  | "REVISION_COMPACTED"
  | "REVISION_NOT_REACHED"
  // The service cannot do it now.
  | "STORE_FULL"
  | "OVERLOADED"
  | "WATCHER_TOO_SLOW"
  | "SHUTTING_DOWN"
  | "LOG_UNAVAILABLE"
  | "OUTCOME_UNKNOWN"
  | "DATABASE_WENT_BACK_IN_TIME"
  // Between a transaction log and its owner; never sent.
  | "LOG_CORRUPT"
  | "LOG_VERSION"
  | "LOG_LOCKED";

/**
 * An expected failure. `reason` is for programs, `message` for people (no key, value or credential in it),
 * `metadata` is sent with the reason, `cause` is the original error and is logged, never sent.
 */
export class DuetError extends Error {
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    reason: Reason,
    message: string,
    options: { readonly metadata?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "DuetError";
    this.reason = reason;
    this.metadata = options.metadata ?? {};
  }
}
