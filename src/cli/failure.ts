import { exitCodes, type Outcome } from "./exit-codes.ts";

export interface FailureDetails {
  readonly outcome: Outcome;
  /** The reason of docs/api.md, or one of the client's own: USAGE, UNREACHABLE. */
  readonly reason: string;
  /** What failed: a sentence without a full stop. */
  readonly message: string;
  /** What to do about it: whole sentences. */
  readonly advice?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An expected failure of a command, with all that the user is told. */
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
    if (json) return JSON.stringify({ reason, message, advice, metadata, exitCode: this.exitCode });
    const first = `duetkv: ${message}${reason === "USAGE" ? "" : ` (${reason})`}`;
    return advice === undefined ? first : `${first}\n${advice}`;
  }
}

/** The command line is wrong. */
export function usageFailure(message: string, advice?: string): CommandFailure {
  return new CommandFailure({ outcome: "usage", reason: "USAGE", message, advice });
}
