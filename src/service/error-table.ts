import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DuetError } from "../errors.ts";
import { type Reason, reasons } from "../reasons.ts";

/** The code of each reason, for all protocols. */
const codes = Object.fromEntries(
  Object.entries(reasons).map(([reason, { code }]) => [reason, codeFromString(code)]),
) as Record<Reason, Code>;

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
