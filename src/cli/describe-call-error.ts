import type { CallError, CallErrorDetails } from "./client/call-error.ts";
import type { Outcome } from "./exit-codes.ts";
import { CommandFailure } from "./failure.ts";

const outcomeOfReason: Readonly<Record<string, Outcome>> = {
  NO_SUCH_KEY: "noSuchKey",
  REVISION_MISMATCH: "conditionFailed",
  KEY_EXISTS: "conditionFailed",
  KEY_TOO_LONG: "limit",
  TOO_MANY_OPERATIONS: "limit",
  RATE_LIMITED: "unavailable",
};

const outcomeOfCode: Readonly<Record<string, Outcome>> = {
  invalid_argument: "usage",
  unauthenticated: "denied",
  permission_denied: "denied",
  resource_exhausted: "limit",
  unavailable: "unavailable",
  deadline_exceeded: "unavailable",
};

const adviceOfReason: Readonly<Record<string, string>> = {
  NO_SUCH_KEY: "List the keys: duetkv ls.",
  KEY_EXISTS: "Read the entry. To replace it, put it without --if-new, or with --if-revision.",
  REVISION_COMPACTED: "Start at a later revision, or start over with --existing.",
  QUOTA_EXCEEDED: "Delete entries under the prefix, or ask the operator for a larger quota.",
  STORE_FULL: "Delete entries, or give the service more memory (--store-bytes-max).",
  UNREACHABLE: "Start the service with duetkv, or name its address with --server.",
  TLS_FAILED:
    "Name the CA of the server with --cacert, or begin the address with http:// if the server does not use TLS.",
  DEADLINE_EXCEEDED: "Allow more time with --timeout.",
  CONNECTION_LOST:
    "If the service uses TLS, begin its address with https://. Otherwise check its log and try again.",
  REQUEST_ID_EXPIRED:
    "Set the clock of this machine: it differs from that of the service by more than 10 minutes.",
  REQUEST_ID_INVALID:
    "Set the clock of this machine: it differs from that of the service by more than 10 minutes.",
  CREDENTIALS_MISSING:
    "Name the file of your token with --token-file, or a certificate with --cert and --key.",
  CERTIFICATE_REFUSED: "Name a certificate that the server trusts, and its key, with --cert and --key.",
  TOKEN_INVALID: "Check the file of --token-file, or of the context: duetkv context ls.",
  TOKEN_EXPIRED: "Write a new token to the file of --token-file, or of the context.",
  RIGHT_MISSING: "Show your rights: duetkv whoami.",
  // No reason: the response is not of the service.
  UNIMPLEMENTED: "Check --server: this is not the address of the API of Duet KV.",
  HOST_NOT_ALLOWED: "Add the host name to --allowed-hosts of the service.",
};

/** Describes a failed call to the user. `expectedRevision` is the value of --if-revision. */
export function describeCallError(error: CallError, expectedRevision?: string): CommandFailure {
  const { details } = error;
  const { reason, code, metadata } = details;
  const shownReason = reason || code.toUpperCase();
  const outcome =
    details.outcome === "unknown"
      ? "outcomeUnknown"
      : (outcomeOfReason[reason] ?? outcomeOfCode[code] ?? "failed");
  const advice =
    outcome === "outcomeUnknown"
      ? "The write may or may not have happened. Read the entry before you repeat it."
      : reason === "REVISION_MISMATCH"
        ? "Read the entry again before you retry."
        : adviceOfReason[shownReason];
  return new CommandFailure(
    {
      outcome,
      reason: shownReason,
      message: toMessage(details, expectedRevision),
      advice,
      metadata,
    },
    error,
  );
}

function toMessage({ reason, message, metadata }: CallErrorDetails, expected: string | undefined): string {
  const current = metadata["current_revision"];
  if (reason !== "REVISION_MISMATCH" || expected === undefined || current === undefined) return message;
  if (current === "0") return `there is no such key; expected revision ${expected}`;
  return `the revision is ${current}, not ${expected}`;
}
