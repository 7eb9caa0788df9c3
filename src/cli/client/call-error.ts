/** Whether the call may have changed something in spite of its failure. */
type CallOutcome = "nothing" | "unknown";

export interface CallErrorDetails {
  /** The code of Connect: not_found. */
  readonly code: string;
  /** The reason of docs/api.md; empty when the failure did not come from the service. */
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly outcome: CallOutcome;
}

/** A call that failed, by the server or on the way. */
export class CallError extends Error {
  readonly details: CallErrorDetails;

  constructor(details: CallErrorDetails, cause?: unknown) {
    super(details.message, { cause });
    this.name = "CallError";
    this.details = details;
  }
}

/** Reasons that say that nothing happened, and that another try may do better. */
const transientReasons = new Set([
  "OVERLOADED",
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "RATE_LIMITED",
  "REVISION_NOT_REACHED",
  "DATABASE_WENT_BACK_IN_TIME",
]);

/** Whether another try may do better. One of a write is safe only if the outcome is "nothing" too. */
export function isTransient({ details: { code, reason } }: CallError): boolean {
  return transientReasons.has(reason) || code === "unavailable";
}

/** Reads an error in Connect's JSON; what a proxy answers has another form, and counts by its status. */
export function readCallError(status: number, text: string): CallError {
  const error = parseObject(text);
  if (error === undefined || typeof error["code"] !== "string") {
    const code = codeOfStatus[status] ?? "unknown";
    const message = `the server answered with HTTP status ${status}`;
    return new CallError({ code, reason: "", message, metadata: {}, outcome: outcomeOf(code, "") });
  }
  return toCallError(error);
}

/** From Connect's JSON, as it is in the end of a stream too. */
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

/** As Connect has it. */
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
