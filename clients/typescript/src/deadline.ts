import { createError, type DuetError, type Outcome } from "./errors.ts";
import { LinkedController } from "./linked-controller.ts";
import type { TransportCall } from "./transport.ts";

/** Ends a try when its time is over or its signal aborts, and tells which error that is. */
export class Deadline {
  readonly #call: Pick<TransportCall, "url" | "timeoutMs" | "signal">;
  readonly #controller: LinkedController;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(call: Pick<TransportCall, "url" | "timeoutMs" | "signal">) {
    this.#call = call;
    this.#controller = new LinkedController(call.signal);
    this.begin();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The whole time is left from now on. */
  begin(): void {
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#controller.abort();
    }, this.#call.timeoutMs);
  }

  /** The stream has begun, and may last. */
  clear(): void {
    clearTimeout(this.#timer);
  }

  /** Rejects when the time is over or the signal aborts. */
  over(): Promise<never> {
    return new Promise((_, reject) => {
      const end = (): void => reject(this.errorOf(undefined));
      this.signal.addEventListener("abort", end);
      if (this.signal.aborted) end();
    });
  }

  /** The try is over. */
  end(): void {
    this.clear();
    this.#controller.unlink();
  }

  /** The error of a try that this has ended; undefined: something else did. */
  errorOf(cause: unknown, outcome: Outcome = "unknown"): DuetError | undefined {
    const { timeoutMs, url, signal } = this.#call;
    if (this.#isOver) {
      const message = `no response from ${url} within ${Math.ceil(timeoutMs)} ms`;
      return createError({ code: "deadline_exceeded", message, outcome }, cause);
    }
    if (!signal.aborted) return undefined;
    return createError({ code: "canceled", message: "the call was aborted", outcome }, cause);
  }
}
