import {
  codeOfStatus,
  isTransient as isTransientFailure,
  type Outcome,
  outcomeOf,
} from "../../../clients/typescript/src/call-outcome.ts";

export interface CallErrorDetails {
  /** The error code in the spelling of Connect: not_found. */
  readonly code: string;
  /** The reason as in docs/api.md; empty when the error did not come from the service. */
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly outcome: Outcome;
}

/** A call that failed in the server or on the network. */
export class CallError extends Error {
  readonly details: CallErrorDetails;

  constructor(details: CallErrorDetails, cause?: unknown) {
    super(details.message, { cause });
    this.name = "CallError";
    this.details = details;
  }
}

/** Whether another try may succeed. A write may be repeated only if its outcome is "nothing", too. */
export function isTransient({ details }: CallError): boolean {
  return isTransientFailure(details);
}

/**
 * Decodes an error in Connect's JSON. A response in another form, such as that of a proxy, is judged by its status.
 */
export function readCallError(status: number, text: string): CallError {
  const error = parseObject(text);
  if (error === undefined || typeof error["code"] !== "string") {
    const code = codeOfStatus(status);
    const message = `the server responded with HTTP status ${status}`;
    return new CallError({ code, reason: "", message, metadata: {}, outcome: outcomeOf(code, "") });
  }
  return toCallError(error);
}

/** Converts an error from Connect's JSON. The end of a stream has the same form. */
export function toCallError(error: Readonly<Record<string, unknown>>): CallError {
  const code = String(error["code"]);
  const details = Array.isArray(error["details"]) ? error["details"] : [];
  const info = details.find((detail) => detail?.type === "google.rpc.ErrorInfo")?.debug;
  const reason = typeof info?.reason === "string" ? info.reason : "";
  const message = typeof error["message"] === "string" ? error["message"] : code;
  return new CallError({
    code,
    reason,
    message,
    metadata: { ...info?.metadata },
    outcome: outcomeOf(code, reason),
  });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
