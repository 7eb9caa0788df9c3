import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DuetError } from "../errors.ts";
import { type Reason, reasons } from "../reasons.ts";

/** The error code of each reason, for all protocols. */
const codes = Object.fromEntries(
  Object.entries(reasons).map(([reason, { code }]) => [reason, codeFromString(code)]),
) as Record<Reason, Code>;

/**
 * Converts an error to the one that clients receive, in every protocol. A ConnectError stays unchanged; a DuetError
 * gets the code of its reason. Any other error becomes "internal error" with the original as `cause`, which is logged
 * and never sent.
 */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (thrown instanceof DuetError && codes[thrown.reason] !== Code.Internal) {
    return connectError(thrown.reason, thrown.message, thrown, thrown.metadata);
  }
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return connectError("CLIENT_GONE", "the call was canceled", thrown);
  }
  return connectError("INTERNAL", "internal error", thrown);
}

function connectError(
  reason: Reason,
  message: string,
  cause: unknown,
  metadata: Readonly<Record<string, string>> = {},
): ConnectError {
  const info = { reason, domain: "duetkv", metadata };
  return new ConnectError(message, codes[reason], undefined, [{ desc: ErrorInfoSchema, value: info }], cause);
}
