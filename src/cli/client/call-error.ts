/** Whether a failed call may have changed something. */
type CallOutcome = "nothing" | "unknown";

export interface CallErrorDetails {
  /** The error code in the spelling of Connect: not_found. */
  readonly code: string;
  /** The reason as in docs/api.md; empty when the error did not come from the service. */
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly outcome: CallOutcome;
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

/** Reasons after which nothing has happened and another try may succeed. */
const transientReasons = new Set([
  "OVERLOADED",
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "RATE_LIMITED",
  "REVISION_NOT_REACHED",
  "DATABASE_WENT_BACK_IN_TIME",
]);

/** Whether another try may succeed. A write may be repeated only if its outcome is "nothing", too. */
export function isTransient({ details: { code, reason } }: CallError): boolean {
  return transientReasons.has(reason) || code === "unavailable";
}

/**
 * Decodes an error in Connect's JSON. A response in another form, such as that of a proxy, is judged by its status.
 */
export function readCallError(status: number, text: string): CallError {
  const error = parseObject(text);
  if (error === undefined || typeof error["code"] !== "string") {
    const code = codeOfStatus[status] ?? "unknown";
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

/** The mapping of the Connect protocol. */
const codeOfStatus: Readonly<Record<number, string>> = {
  400: "internal",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

function outcomeOf(code: string, reason: string): CallOutcome {
  if (transientReasons.has(reason)) return "nothing";
  const open = ["unavailable", "deadline_exceeded", "canceled", "internal", "unknown"];
  return open.includes(code) ? "unknown" : "nothing";
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
