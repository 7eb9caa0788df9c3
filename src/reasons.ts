// All reasons of errors, for all protocols. The error codes, the OpenAPI document and the table in docs/api.md are
// made from this list. Reasons are part of the API; clients receive them in google.rpc.ErrorInfo.

/** The meaning of a reason. */
export interface ReasonDescription {
  /**
   * The error code in the spelling of Connect and REST. Errors of code "internal" are sent with the reason INTERNAL.
   */
  readonly code:
    | "canceled"
    | "invalid_argument"
    | "deadline_exceeded"
    | "not_found"
    | "already_exists"
    | "failed_precondition"
    | "unauthenticated"
    | "permission_denied"
    | "resource_exhausted"
    | "aborted"
    | "out_of_range"
    | "unimplemented"
    | "internal"
    | "unavailable";
  /** The HTTP status over REST. Default: the status of the code. */
  readonly status?: number;
  /** One or two sentences for the documentation. */
  readonly meaning: string;
  /** Names of the metadata that is sent with the reason. Default: none. */
  readonly metadata?: readonly string[];
}

export const reasons = {
  KEY_EMPTY: { code: "invalid_argument", meaning: "A key is empty." },
  KEY_TOO_LONG: {
    code: "invalid_argument",
    meaning: "A key, prefix or range bound is longer than `--key-bytes-max`.",
  },
  KEY_INVALID: { code: "invalid_argument", meaning: "A key contains NUL or is not valid Unicode." },
  KEY_REPEATED: { code: "invalid_argument", meaning: "A commit has two mutations of one key." },
  VALUE_AMBIGUOUS: { code: "invalid_argument", meaning: "Both `value` and `bytes_value` are set." },
  VALUE_INVALID: { code: "invalid_argument", meaning: "A text value is not valid Unicode." },
  VALUE_TOO_LARGE: { code: "resource_exhausted", meaning: "A value is larger than `--value-bytes-max`." },
  REQUEST_TOO_LARGE: {
    code: "resource_exhausted",
    meaning:
      "The request is larger than `--request-bytes-max`, or a commit is larger than `--commit-bytes-max` in the message to its watchers.",
  },
  RESPONSE_TOO_LARGE: {
    code: "resource_exhausted",
    meaning: "The entries of a batch are larger than `--batch-get-bytes-max`. Ask for fewer keys.",
  },
  TOO_MANY_OPERATIONS: {
    code: "invalid_argument",
    meaning:
      "A batch, commit or watch has too many keys, prefixes, checks and mutations, or a batch has none.",
  },
  TTL_INVALID: { code: "invalid_argument", meaning: "`ttl` is not a duration of at least one second." },
  PRECONDITION_INVALID: {
    code: "invalid_argument",
    meaning: "A precondition is missing, malformed, or given twice.",
  },
  RANGE_INVALID: { code: "invalid_argument", meaning: "The fields that select keys exclude each other." },
  PAGE_SIZE_INVALID: { code: "invalid_argument", meaning: "`page_size` is negative." },
  PAGE_TOKEN_INVALID: { code: "invalid_argument", meaning: "`page_token` belongs to another request." },
  REVISION_INVALID: {
    code: "invalid_argument",
    meaning: "A revision is negative or out of range.",
  },
  REQUEST_MALFORMED: {
    code: "invalid_argument",
    meaning: "The request cannot be decoded; the message says where.",
  },
  NUMBER_INEXACT: {
    code: "invalid_argument",
    meaning:
      "A JSON number for a 64-bit field is greater than 2^53 − 1 and may have lost digits. Send it as a string.",
  },
  ENCODING_UNSUPPORTED: {
    code: "invalid_argument",
    status: 415,
    meaning: "A REST body is compressed. Send it without `Content-Encoding`.",
  },
  CONTENT_TYPE_UNSUPPORTED: {
    code: "invalid_argument",
    status: 415,
    meaning: "No RPC protocol has this `Content-Type`.",
  },
  EXPECTATION_UNSUPPORTED: {
    code: "invalid_argument",
    status: 417,
    meaning: "The `Expect` header asks for something other than `100-continue`.",
  },
  HTTP_VERSION_UNSUPPORTED: {
    code: "unimplemented",
    status: 505,
    meaning: "The RPC protocol does not work over this version of HTTP.",
  },
  METHOD_NOT_ALLOWED: {
    code: "unimplemented",
    status: 405,
    meaning: "The route does not support this HTTP method; `Allow` lists the supported ones.",
  },
  NO_SUCH_ROUTE: { code: "not_found", meaning: "No REST route has this path." },
  NO_SUCH_SERVICE: { code: "not_found", meaning: "`grpc.health.v1` has no service with this name." },
  NO_SUCH_METHOD: { code: "unimplemented", meaning: "The server has no such gRPC service or method." },
  NO_SUCH_KEY: { code: "not_found", meaning: "There is no such key.", metadata: ["revision"] },
  REVISION_MISMATCH: {
    code: "aborted",
    meaning:
      "The entry has another revision, or does not exist (0). Status 412 if the precondition was a header.",
    metadata: ["current_revision", "check"],
  },
  KEY_EXISTS: {
    code: "already_exists",
    meaning: "The key exists. Status 412 if the precondition was a header.",
    metadata: ["current_revision", "check"],
  },
  REVISION_COMPACTED: {
    code: "out_of_range",
    meaning: "The history begins after this revision, at `oldest_revision`.",
    metadata: ["oldest_revision"],
  },
  REVISION_NOT_REACHED: {
    code: "unavailable",
    meaning: "The server did not reach `min_revision` or `at_revision` in time. Try again.",
  },
  STORE_FULL: {
    code: "resource_exhausted",
    status: 507,
    meaning: "The store has reached `--store-bytes-max`. Deletes still work.",
  },
  QUOTA_EXCEEDED: {
    code: "resource_exhausted",
    status: 507,
    meaning:
      "The entries under `prefix` would take more `bytes`, or be more `entries`, than the policy allows. Deletes still work.",
    metadata: ["prefix", "bytes", "entries"],
  },
  REQUEST_ID_INVALID: {
    code: "invalid_argument",
    meaning: "`request_id` is not a UUIDv7, is given twice, or its time is more than 10 minutes ahead.",
  },
  REQUEST_ID_EXPIRED: {
    code: "failed_precondition",
    meaning: "`request_id` is more than 10 minutes old. An earlier request with this id may have succeeded.",
  },
  REQUEST_ID_REUSED: {
    code: "failed_precondition",
    meaning: "`request_id` was used for a request with other content. Nothing happened.",
  },
  RATE_LIMITED: {
    code: "resource_exhausted",
    status: 429,
    meaning:
      "The caller, or its address, calls more often than the policy allows, or the `request_id`s of the last minutes have reached `--request-ids-bytes-max`. Nothing happened; try again after `retry_after_ms`.",
    metadata: ["retry_after_ms"],
  },
  OVERLOADED: {
    code: "unavailable",
    meaning:
      "Too many writes wait for the log, too many snapshots are being read, requests hold too many bytes, or too many keys are watched. Nothing happened; try again.",
  },
  WATCHER_TOO_SLOW: {
    code: "resource_exhausted",
    meaning: "The watcher did not keep up. Resume from `last_revision`.",
    metadata: ["last_revision"],
  },
  SNAPSHOT_TOO_SLOW: {
    code: "resource_exhausted",
    meaning:
      "The snapshot was read too slowly: less than 64 KiB/s for 30 s, or more than `--snapshot-bytes-max` was overwritten meanwhile. The part that was read is incomplete.",
  },
  SHUTTING_DOWN: {
    code: "unavailable",
    meaning: "The server is shutting down. Nothing happened; try again. Resume a watch from `last_revision`.",
    metadata: ["last_revision"],
  },
  CONNECTION_AGED: {
    code: "unavailable",
    meaning:
      "The connection has reached `--connection-age-max`. Nothing is wrong; try again on another connection. A watch resumes from `last_revision`.",
    metadata: ["last_revision"],
  },
  LOG_UNAVAILABLE: {
    code: "unavailable",
    meaning: "The log accepts no writes or cannot be read. Nothing happened; try again.",
  },
  OUTCOME_UNKNOWN: { code: "unavailable", meaning: "The write may or may not have happened." },
  DATABASE_WENT_BACK_IN_TIME: {
    code: "unavailable",
    meaning:
      "The database lost transactions that this replica has applied. Nothing happened; use another replica.",
  },
  DEADLINE_EXCEEDED: {
    code: "deadline_exceeded",
    meaning: "The deadline of the call has passed. A write may have happened.",
  },
  CLIENT_GONE: { code: "canceled", meaning: "The client canceled the call." },
  CREDENTIALS_MISSING: {
    code: "unauthenticated",
    meaning:
      "The call needs a right that anonymous callers do not have. Send a token or a client certificate.",
  },
  TOKEN_INVALID: {
    code: "unauthenticated",
    meaning: "The policy has no such token, or does not accept the JWT.",
  },
  TOKEN_EXPIRED: {
    code: "unauthenticated",
    meaning: "The token has expired. A watch that it ends resumes from `last_revision`.",
    metadata: ["last_revision"],
  },
  CERTIFICATE_UNKNOWN: {
    code: "unauthenticated",
    meaning: "The policy has none of the names in the client certificate, or the certificate has expired.",
  },
  RIGHT_MISSING: {
    code: "permission_denied",
    meaning:
      "The caller lacks a right. `permitted_prefixes` and `denied_prefixes` are JSON arrays of at most 16 prefixes. A watch that it ends resumes from `last_revision`.",
    metadata: [
      "right",
      "key",
      "prefix",
      "identity",
      "permitted_prefixes",
      "denied_prefixes",
      "last_revision",
    ],
  },
  HOST_NOT_ALLOWED: { code: "permission_denied", meaning: "The `Host` header is not in `--allowed-hosts`." },
  ORIGIN_NOT_ALLOWED: {
    code: "permission_denied",
    meaning: "The request comes from a web page whose origin is not in `--cors-origin`.",
  },
  INTERNAL: {
    code: "internal",
    meaning: "An unexpected error in the server. The server's log has the cause, with this `request_id`.",
    metadata: ["request_id"],
  },
  // Between a transaction log and its owner; never sent to clients.
  LOG_CORRUPT: { code: "internal", meaning: "The log is damaged." },
  LOG_VERSION: { code: "internal", meaning: "The log has a format that this version cannot read." },
  LOG_NOT_EMPTY: { code: "internal", meaning: "A snapshot can be restored only into an empty log." },
  LOG_LOCKED: { code: "internal", meaning: "Another process has the log open." },
} as const satisfies Record<string, ReasonDescription>;

export type Reason = keyof typeof reasons;
