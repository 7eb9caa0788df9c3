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

/** Nobody waits for the response to a call any more. */
export function clientGone(): ConnectError {
  return wireError(Code.Canceled, "CLIENT_GONE", "the client went away");
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

/**
 * As `toConnectError`, and logs what a caller may not see. `requestId` is called at most once, for an error that is logged.
 */
export function toLoggedError(
  thrown: unknown,
  log: WireLog,
  path: string,
  requestId: () => string,
): ConnectError {
  let id: string | undefined;
  const error = toConnectError(thrown, () => (id ??= requestId()));
  if (id !== undefined) log.error({ err: thrown, path, requestId: id }, "call failed unexpectedly");
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
