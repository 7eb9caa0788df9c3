import { Code } from "@connectrpc/connect";
import { wireError } from "./wire-error.ts";

/** The longest delay that a timer of Node keeps; a longer one would fire after a millisecond. */
const timerMsMax = 2 ** 31 - 1;

/**
 * Reads `connect-timeout-ms`: undefined when the call has no deadline. A wait that no timer can keep (24 days) counts as
 * none. Throws REQUEST_MALFORMED when the header is not a number of at most 10 digits.
 */
export function parseConnectTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (!/^\d{1,10}$/.test(header)) {
    throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "connect-timeout-ms must be 1 to 10 digits");
  }
  const timeoutMs = Number(header);
  return timeoutMs > timerMsMax ? undefined : timeoutMs;
}

const grpcUnitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1 };

/** Whether a timeout header of gRPC or Connect asks for more than a timer can keep. Malformed ones do not. */
export function isEndlessTimeout(name: "grpc-timeout" | "connect-timeout-ms", header: string): boolean {
  if (name === "connect-timeout-ms") return /^\d{1,10}$/.test(header) && Number(header) > timerMsMax;
  const parts = /^(\d{1,8})([HMSmun])$/.exec(header);
  return parts !== null && Number(parts[1]) * (grpcUnitMs[parts[2] ?? ""] ?? 0) > timerMsMax;
}
