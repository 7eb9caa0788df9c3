import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorInfo, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DuetError } from "../errors.ts";
import type { Reason } from "../reasons.ts";
import { toConnectError } from "../service/connect-error.ts";
import type { WireLog } from "./wire-log.ts";

/** An error that the wire itself found, in the shape of those of the service. `message` names no key and no value. */
export function wireError(code: Code, reason: Reason, message: string, cause?: unknown): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "duetkv" } };
  return new ConnectError(message, code, undefined, [info], cause);
}

/** The connection of a call will be closed for its age. A watch adds the revision to resume from. */
export function connectionAged(): DuetError {
  return new DuetError("CONNECTION_AGED", "the connection has reached its age (--connection-age-max)");
}

/** The reason and metadata of an error; undefined when it has none. */
export function findErrorInfo(error: ConnectError): ErrorInfo | undefined {
  return error.findDetails(ErrorInfoSchema)[0];
}

/** Who is told of errors. */
export interface ErrorListeners {
  readonly log: WireLog;
  readonly onError: OnError;
}

/** As `toConnectError`, for the one response to a call: what a caller may not see is logged, and the error is reported. */
export function toReportedError(
  thrown: unknown,
  { log, onError }: ErrorListeners,
  path: string,
): ConnectError {
  const error = toConnectError(thrown);
  if (error !== thrown && error.code === Code.Internal) {
    log.error({ err: thrown, path }, "call failed unexpectedly");
  }
  onError(path, error);
  return error;
}

/** Told of every error that a client gets, once. `path` is that of the method; empty when the request names none. */
export type OnError = (path: string, error: ConnectError) => void;

/** The reason of an error, without decoding what the process made itself; UNKNOWN when it names none. */
export function reasonOf(error: ConnectError): string {
  for (const detail of error.details) {
    if ("desc" in detail && detail.desc.typeName === ErrorInfoSchema.typeName) {
      return (detail.value as { reason?: string }).reason ?? "UNKNOWN";
    }
  }
  return findErrorInfo(error)?.reason ?? "UNKNOWN";
}
