import { codeOfStatus, outcomeOf } from "./call-outcome.ts";
import { createError, type DuetError } from "./errors.ts";

interface Detail {
  readonly type?: string;
  readonly debug?: {
    readonly reason?: string;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly retryDelay?: string;
  };
}

/** An error in Connect's JSON, as it is in the body of a response and in the end of a stream. */
export function toError(error: { code?: unknown; message?: unknown; details?: unknown }): DuetError {
  const code = String(error.code);
  const details = Array.isArray(error.details) ? (error.details as readonly Detail[]) : [];
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo")?.debug;
  const delay = details.find(({ type }) => type === "google.rpc.RetryInfo")?.debug?.retryDelay;
  const reason = info?.reason ?? "";
  return createError({
    code,
    reason,
    message: typeof error.message === "string" ? error.message : code,
    outcome: outcomeOf(code, reason),
    metadata: info?.metadata ?? {},
    retryAfterMs: delay === undefined ? undefined : Number.parseFloat(delay) * 1000,
  });
}

/** The error of a response whose status is not 200. What comes from a proxy counts by its status. */
export async function readError(response: Response): Promise<DuetError> {
  const text = await response.text();
  let error = parse(text);
  if (typeof error?.["code"] !== "string") {
    const code = codeOfStatus(response.status);
    error = { code, message: `the server responded with HTTP status ${response.status}` };
  }
  return toError(error);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
