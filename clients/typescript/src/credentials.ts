import { createError, DuetError } from "./errors.ts";

/** The token of the caller: asked for once, and again when the service refuses it. */
export class Credentials {
  readonly #ask: (() => string | Promise<string>) | undefined;
  #token: Promise<string> | undefined;

  constructor(ask: (() => string | Promise<string>) | undefined) {
    this.#ask = ask;
  }

  /** Rejects with DuetError when there is none to be had. */
  async get(): Promise<string | undefined> {
    if (this.#ask === undefined) return undefined;
    const token = (this.#token ??= (async (ask) => ask())(this.#ask));
    try {
      return await token;
    } catch (error) {
      this.#forget(token);
      const message = `no credentials: ${(error as Error).message}`;
      const details = {
        code: "unauthenticated",
        reason: "",
        message,
        outcome: "nothing",
        metadata: {},
      } as const;
      throw createError(details, error);
    }
  }

  /** Whether a call that failed may be made once more, with new credentials. */
  mayRenew(error: unknown): boolean {
    const refused = this.#token;
    if (refused === undefined || !(error instanceof DuetError) || error.code !== "unauthenticated")
      return false;
    this.#forget(refused);
    return true;
  }

  /** Calls that fail together must not each ask for a new one. */
  #forget(token: Promise<string>): void {
    if (this.#token === token) this.#token = undefined;
  }
}
