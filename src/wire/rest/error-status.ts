import { Code, type ConnectError } from "@connectrpc/connect";
import { type ReasonDescription, reasons } from "../../reasons.ts";
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

const statusByReason = new Map(
  Object.entries<ReasonDescription>(reasons).flatMap(([reason, { status }]) =>
    status === undefined ? [] : [[reason, status] as const],
  ),
);

/** The HTTP status of an error over REST. A convention may give an error of its method another one. */
export function toHttpStatus(error: ConnectError): number {
  return statusByReason.get(findErrorInfo(error)?.reason ?? "") ?? statusByCode[error.code] ?? 500;
}
