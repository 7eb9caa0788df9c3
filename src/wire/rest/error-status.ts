import { Code, type ConnectError } from "@connectrpc/connect";
import { findErrorInfo } from "../wire-error.ts";

const statusByCode = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 413,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
} satisfies Record<Code, number>;

/** Where the reason says more than the code. */
const statusByReason: Readonly<Record<string, number>> = {
  METHOD_NOT_ALLOWED: 405,
  ENCODING_UNSUPPORTED: 415,
  STORE_FULL: 507,
};

/** The HTTP status of an error: the whole table for REST, save what a convention says about its own method. */
export function toHttpStatus(error: ConnectError): number {
  const reason = findErrorInfo(error)?.reason ?? "";
  return (
    (Object.hasOwn(statusByReason, reason) && statusByReason[reason]) || (statusByCode[error.code] ?? 500)
  );
}
