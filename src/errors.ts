import type { Reason } from "./reasons.ts";

/**
 * An expected error. `reason` is for programs, `message` for people; it contains no key, value or credential.
 * `metadata` is sent with the reason. `cause` is the original error; it is logged and never sent.
 */
export class DuetError extends Error {
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    reason: Reason,
    message: string,
    options: { readonly metadata?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "DuetError";
    this.reason = reason;
    this.metadata = options.metadata ?? {};
  }
}
