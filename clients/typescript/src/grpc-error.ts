import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { outcomeOf } from "./call-outcome.ts";
import { createError, type DuetError } from "./errors.ts";
import { certificateAlert } from "./tls-alert.ts";

/** The error of a gRPC call to a server. */
export function toDuetError(error: unknown, url: string): DuetError {
  const alert = certificateAlert(error);
  if (alert !== undefined) {
    const message = `cannot use TLS with ${url}: the server sent "${alert}"; check tls.cert and tls.key`;
    return createError({ code: "unauthenticated", message, outcome: "nothing" }, error);
  }
  const failure = ConnectError.from(error);
  const [info] = failure.findDetails(ErrorInfoSchema);
  const [retry] = failure.findDetails(RetryInfoSchema);
  const code = isLost(failure) ? "unavailable" : toCodeName(failure.code);
  const reason = info?.reason ?? "";
  // A refused stream has done nothing: RFC 9113, section 8.7.
  const isRefused = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "NGHTTP2_REFUSED_STREAM"].some((name) =>
    failure.rawMessage.includes(name),
  );
  const details = {
    code,
    reason,
    message: reason === "" ? `${url}: ${failure.rawMessage}` : failure.rawMessage,
    outcome: isRefused ? "nothing" : outcomeOf(code, reason),
    metadata: info?.metadata ?? {},
    retryAfterMs: retry?.retryDelay && durationMs(retry.retryDelay),
  } as const;
  return createError(details, error);
}

const lostCodes = [Code.Aborted, Code.Canceled, Code.Internal, Code.Unknown];

/**
 * Whether the connection failed, for which Connect has several codes; no response has told the error. A stream that its
 * connection takes along is "canceled" there, which to callers means that they did it; a reset is "aborted", which to them
 * is a conflict.
 */
function isLost({ code, isWireError }: ConnectError): boolean {
  return !isWireError && lostCodes.includes(code);
}

/** `AlreadyExists` is `already_exists`. */
function toCodeName(code: Code): string {
  return Code[code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();
}
