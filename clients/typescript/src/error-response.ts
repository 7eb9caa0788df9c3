import { codeOfStatus, type Outcome, outcomeOf } from "./call-outcome.ts";
import { createError, type DuetError } from "./errors.ts";

interface ErrorMessage {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
}

interface Detail {
  readonly type?: string;
  readonly debug?: {
    readonly reason?: string;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly retryDelay?: string;
  };
}

/** An error in Connect's JSON, as it is in the body of a response and in the end of a stream. */
export function toError(
  error: ErrorMessage,
  known: { readonly outcome?: Outcome; readonly retryAfterMs?: number } = {},
): DuetError {
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
    ...known,
    ...(delay !== undefined && { retryAfterMs: Number.parseFloat(delay) * 1000 }),
  });
}

/** The error of a response whose status is not 200. What comes from a proxy counts by its status. */
export async function readError(response: Response): Promise<DuetError> {
  let error = (await response.json().catch(() => undefined)) as ErrorMessage | null | undefined;
  if (typeof error?.code !== "string") {
    const code = codeOfStatus(response.status);
    error = { code, message: `the server responded with HTTP status ${response.status}` };
  }
  // In seconds; a date is not obeyed.
  const retryAfterMs = Number(response.headers.get("retry-after")) * 1000;
  return toError(error, {
    ...(retryAfterMs > 0 && { retryAfterMs }),
    // A proxy that has had enough has not passed the request on.
    ...(response.status === 429 && { outcome: "nothing" }),
  });
}
