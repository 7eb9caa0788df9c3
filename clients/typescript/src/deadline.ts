import { createError, type DuetError } from "./errors.ts";
import type { TransportCall } from "./transport.ts";

/** Ends a try when its time is over or its signal aborts, and tells which error that is. */
export class Deadline {
  readonly #call: TransportCall;
  readonly #controller = new AbortController();
  readonly #abort = (): void => this.#controller.abort();
  readonly #timer: ReturnType<typeof setTimeout>;
  #isOver = false;

  constructor(call: TransportCall) {
    this.#call = call;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#abort();
    }, call.timeoutMs);
    // AbortSignal.any would keep every call until the client is closed, in some versions of Node.
    call.signal.addEventListener("abort", this.#abort);
    if (call.signal.aborted) this.#abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The stream has begun, and may last. */
  clear(): void {
    clearTimeout(this.#timer);
  }

  /** The try is over. */
  end(): void {
    this.clear();
    this.#call.signal.removeEventListener("abort", this.#abort);
  }

  /** The error of a try that this has ended; undefined: something else did. */
  errorOf(cause: unknown): DuetError | undefined {
    const { timeoutMs, url, signal } = this.#call;
    const details = { reason: "", outcome: "unknown", metadata: {} } as const;
    if (this.#isOver) {
      const message = `no response from ${url} within ${Math.ceil(timeoutMs)} ms`;
      return createError({ ...details, code: "deadline_exceeded", message }, cause);
    }
    if (!signal.aborted) return undefined;
    return createError({ ...details, code: "canceled", message: "the call was aborted" }, cause);
  }
}
