import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DuetError } from "../errors.ts";
import { type Reason, reasons } from "../reasons.ts";

type OutgoingDetail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

/** The error code of each reason, for all protocols. */
const codes = Object.fromEntries(
  Object.entries(reasons).map(([reason, { code }]) => [reason, codeFromString(code)]),
) as Record<Reason, Code>;

/**
 * Converts an error to the one that clients receive, in every protocol. A ConnectError stays unchanged; a DuetError
 * gets the code of its reason. Any other error becomes "internal error" with the original as `cause`, which is logged
 * and never sent. It carries `requestId`, if given, so that its line in the log can be found.
 */
export function toConnectError(thrown: unknown, requestId?: () => string): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (thrown instanceof DuetError && codes[thrown.reason] !== Code.Internal) {
    return connectError(thrown.reason, thrown.message, thrown, thrown.metadata);
  }
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return connectError("CLIENT_GONE", "the call was canceled", thrown);
  }
  const metadata = requestId === undefined ? {} : { request_id: requestId() };
  return connectError("INTERNAL", "internal error", thrown, metadata);
}

function connectError(
  reason: Reason,
  message: string,
  cause: unknown,
  metadata: Readonly<Record<string, string>> = {},
): ConnectError {
  const info = { reason, domain: "duetkv", metadata };
  const details: OutgoingDetail[] = [{ desc: ErrorInfoSchema, value: info }];
  const retryMs = metadata["retry_after_ms"];
  if (retryMs !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.floor(Number(retryMs) / 1000)),
      nanos: (Number(retryMs) % 1000) * 1e6,
    };
    details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  const code = codes[reason];
  // RFC 9110, section 11.6.1, asks for it.
  const headers = code === Code.Unauthenticated ? { "www-authenticate": "Bearer" } : undefined;
  return new ConnectError(message, code, headers, details, cause);
}
