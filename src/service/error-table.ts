import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DuetError, type Reason } from "../errors.ts";

/** The code of each reason, for all protocols. */
const codes = {
  KEY_EMPTY: Code.InvalidArgument,
  KEY_TOO_LONG: Code.InvalidArgument,
  KEY_INVALID: Code.InvalidArgument,
  KEY_REPEATED: Code.InvalidArgument,
  VALUE_AMBIGUOUS: Code.InvalidArgument,
  VALUE_INVALID: Code.InvalidArgument,
  VALUE_TOO_LARGE: Code.ResourceExhausted,
  REQUEST_TOO_LARGE: Code.ResourceExhausted,
  RESPONSE_TOO_LARGE: Code.ResourceExhausted,
  TOO_MANY_OPERATIONS: Code.InvalidArgument,
  TTL_INVALID: Code.InvalidArgument,
  PRECONDITION_INVALID: Code.InvalidArgument,
  RANGE_INVALID: Code.InvalidArgument,
  PAGE_SIZE_INVALID: Code.InvalidArgument,
  PAGE_TOKEN_INVALID: Code.InvalidArgument,
  REVISION_INVALID: Code.InvalidArgument,
  REQUEST_MALFORMED: Code.InvalidArgument,
  METHOD_NOT_ALLOWED: Code.Unimplemented,
  NO_SUCH_ROUTE: Code.NotFound,
  NO_SUCH_SERVICE: Code.NotFound,
  NO_SUCH_KEY: Code.NotFound,
  REVISION_MISMATCH: Code.Aborted,
  KEY_EXISTS: Code.AlreadyExists,
  REVISION_COMPACTED: Code.OutOfRange,
  REVISION_NOT_REACHED: Code.Unavailable,
  STORE_FULL: Code.ResourceExhausted,
  OVERLOADED: Code.Unavailable,
  WATCHER_TOO_SLOW: Code.ResourceExhausted,
  SHUTTING_DOWN: Code.Unavailable,
  LOG_UNAVAILABLE: Code.Unavailable,
  OUTCOME_UNKNOWN: Code.Unavailable,
  DATABASE_WENT_BACK_IN_TIME: Code.Unavailable,
  LOG_CORRUPT: Code.Internal,
  LOG_VERSION: Code.Internal,
  LOG_LOCKED: Code.Internal,
} satisfies Record<Reason, Code>;

/** The error as it is sent. What is not a DuetError or a ConnectError becomes an internal error that says nothing. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (!(error instanceof DuetError) || codes[error.reason] === Code.Internal) {
    return connectError("internal error", Code.Internal, "INTERNAL", {}, error);
  }
  return connectError(error.message, codes[error.reason], error.reason, error.metadata, error);
}

function connectError(
  message: string,
  code: Code,
  reason: string,
  metadata: Readonly<Record<string, string>>,
  cause: unknown,
): ConnectError {
  const info = { reason, domain: "duetkv", metadata };
  return new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value: info }], cause);
}
