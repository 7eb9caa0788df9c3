/** The longest delay that a timer of Node keeps; a longer one would fire after a millisecond. */
const timerMsMax = 2 ** 31 - 1;

/** Milliseconds; undefined: no deadline; "endless": one that no timer can keep (24 days), and that is as good as none. */
export type Timeout = number | undefined | "endless" | "malformed";

/** As a call takes it. */
export function toTimeoutMs(timeout: number | "endless" | undefined): number | undefined {
  return timeout === "endless" ? undefined : timeout;
}

type Header = string | readonly string[] | undefined;

const zero = 0x30;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

const grpcDigitsMax = 8;

/** Reads `grpc-timeout`: 1 to 8 digits and a unit. It differs in each call, so it is read without a regular expression. */
export function parseGrpcTimeout(header: Header): Timeout {
  if (header === undefined) return undefined;
  if (typeof header !== "string") return "malformed";
  const digits = header.length - 1;
  const unit = unitMs[header.charAt(digits)];
  if (unit === undefined || digits < 1 || digits > grpcDigitsMax) return "malformed";
  let amount = 0;
  for (let at = 0; at < digits; at++) {
    const digit = header.charCodeAt(at) - zero;
    if (digit < 0 || digit > 9) return "malformed";
    amount = amount * 10 + digit;
  }
  return withinTimer(amount * unit);
}

/** Reads `connect-timeout-ms`: 1 to 10 digits. */
export function parseConnectTimeout(header: Header): Timeout {
  if (header === undefined) return undefined;
  if (typeof header !== "string" || !/^\d{1,10}$/.test(header)) return "malformed";
  return withinTimer(Number(header));
}

function withinTimer(timeoutMs: number): number | "endless" {
  return timeoutMs > timerMsMax ? "endless" : timeoutMs;
}
