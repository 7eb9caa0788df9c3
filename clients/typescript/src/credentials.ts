import { Deadline } from "./deadline.ts";
import { createError, DuetError } from "./errors.ts";

/** The token of the caller: asked for once, and again when the service refuses it. */
export class Credentials {
  readonly #ask: (() => string | Promise<string>) | undefined;
  #token: Promise<string> | undefined;

  constructor(ask: (() => string | Promise<string>) | undefined) {
    this.#ask = ask;
  }

  /** The token for a call, perhaps still to come; undefined: calls have none. */
  current(): Promise<string> | undefined {
    if (this.#ask !== undefined) this.#token ??= (async (ask) => ask())(this.#ask);
    return this.#token;
  }

  /** Waits for a token. Rejects with DuetError when there is none to be had within the time. */
  async wait(
    token: Promise<string> | undefined,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (token === undefined) return undefined;
    const deadline = new Deadline({ url: "credentials", timeoutMs, signal });
    try {
      return await Promise.race([token, deadline.over()]);
    } catch (error) {
      // Other calls may still wait for it.
      if (!signal.aborted) this.#forget(token);
      const message = `no credentials: ${(error as Error).message}`;
      throw (
        deadline.errorOf(error, "nothing") ??
        createError({ code: "unauthenticated", message, outcome: "nothing" }, error)
      );
    } finally {
      deadline.end();
    }
  }

  /** Whether a call that failed with this token may be made once more, with new credentials. */
  mayRenew(error: unknown, used: Promise<string> | undefined): boolean {
    if (used === undefined || !(error instanceof DuetError) || error.code !== "unauthenticated") return false;
    this.#forget(used);
    return true;
  }

  /** Calls that fail together must not each ask for a new one. */
  #forget(token: Promise<string>): void {
    if (this.#token === token) this.#token = undefined;
  }
}
