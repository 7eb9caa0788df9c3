// What a failed call has done, and whether another try may succeed: the table of this client and of the command line.

/** Whether a call that failed may have changed something. */
export type Outcome = "nothing" | "unknown";

/** Reasons that say that nothing happened, and that another try may succeed. */
const transientReasons = new Set([
  "OVERLOADED",
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "RATE_LIMITED",
  "REVISION_NOT_REACHED",
  "DATABASE_WENT_BACK_IN_TIME",
]);

const openCodes = new Set(["unavailable", "deadline_exceeded", "canceled", "internal", "unknown"]);

/** With these the service says that a write did not happen, after it looked for the request id. */
export const judgedCodes: ReadonlySet<string> = new Set(["aborted", "already_exists", "not_found"]);

/** Whether another try may succeed. A write may be repeated only if nothing happened, or with its request id. */
export function isTransient({ code, reason }: { readonly code: string; readonly reason: string }): boolean {
  return code === "unavailable" || transientReasons.has(reason);
}

/** Whether a call with this failure may have changed something. */
export function outcomeOf(code: string, reason: string): Outcome {
  return openCodes.has(code) && !transientReasons.has(reason) ? "unknown" : "nothing";
}

/** The code of a response that is not of the service, such as that of a proxy; the mapping of the Connect protocol. */
export function codeOfStatus(status: number): string {
  return codes[status] ?? "unknown";
}

const codes: Readonly<Record<number, string>> = {
  400: "internal",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};
