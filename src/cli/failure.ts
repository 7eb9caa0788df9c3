import { exitCodes, type Outcome } from "./exit-codes.ts";
import { escapeUnprintable } from "./printable.ts";

export interface FailureDetails {
  readonly outcome: Outcome;
  /** A reason as in docs/api.md, or one of the client: USAGE, UNREACHABLE. */
  readonly reason: string;
  /** A sentence without a full stop that says what failed. */
  readonly message: string;
  /** Whole sentences that say what to do. */
  readonly advice?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An expected failure of a command, with everything that the user is told. */
export class CommandFailure extends Error {
  readonly details: FailureDetails;

  constructor(details: FailureDetails, cause?: unknown) {
    super(details.message, { cause });
    this.name = "CommandFailure";
    this.details = details;
  }

  get exitCode(): number {
    return exitCodes[this.details.outcome].code;
  }

  /** `duetkv: MESSAGE (REASON)` and a line of advice, or one object of JSON. */
  describe(json: boolean): string {
    const { reason, message, advice, metadata = {} } = this.details;
    // The message may quote a server or a file, and the reason may be that of a server.
    if (json) {
      return escapeUnprintable(
        JSON.stringify({ reason, message, advice, metadata, exitCode: this.exitCode }),
      );
    }
    const first = escapeUnprintable(`duetkv: ${message}${reason === "USAGE" ? "" : ` (${reason})`}`);
    // An advice may have several lines.
    return advice === undefined ? first : [first, ...advice.split("\n").map(escapeUnprintable)].join("\n");
  }
}

/** Creates the failure for a wrong command line. */
export function usageFailure(message: string, advice?: string): CommandFailure {
  return new CommandFailure({ outcome: "usage", reason: "USAGE", message, advice });
}

/** Whether an error is one of the operating system: a disk that is full, a file that is not there. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

/** Creates the failure for an error of the operating system. */
export function systemFailure(error: NodeJS.ErrnoException): CommandFailure {
  const { code = "SYSTEM_ERROR", message } = error;
  // The message begins with the code.
  return new CommandFailure(
    { outcome: "failed", reason: code, message: message.replace(`${code}: `, "") },
    error,
  );
}
