/** None of the operations was or will be applied by the peer. */
export class NotForwardedError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "NotForwardedError";
  }
}
