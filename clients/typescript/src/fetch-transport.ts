import { encodeEnvelope, readEnvelopes } from "./envelope.ts";
import { readError } from "./error-response.ts";
import { createError, DuetError, type Outcome } from "./errors.ts";
import type { Transport, TransportCall } from "./transport.ts";

/** The Connect protocol with JSON over `fetch`: works wherever there is a `fetch`. */
export const fetchTransport: Transport = {
  async unary(call) {
    const deadline = new Deadline(call);
    try {
      const body = JSON.stringify(call.message);
      const response = await send(call, deadline.signal, "application/json", body);
      return (await response.json()) as object;
    } catch (error) {
      throw deadline.toError(error);
    } finally {
      deadline.end();
    }
  },

  async *stream(call) {
    const deadline = new Deadline(call);
    try {
      const body = encodeEnvelope(call.message);
      const response = await send(call, deadline.signal, "application/connect+json", body);
      for await (const message of readEnvelopes(response.body as ReadableStream<Uint8Array>)) {
        deadline.clear();
        yield message;
      }
    } catch (error) {
      throw deadline.toError(error);
    } finally {
      deadline.end();
    }
  },
};

async function send(
  { url, method, token, timeoutMs }: TransportCall,
  signal: AbortSignal,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const headers: Record<string, string> = { "content-type": type, "connect-protocol-version": "1" };
  // The time of a stream is only that to its first message.
  if (type === "application/json") headers["connect-timeout-ms"] = String(Math.ceil(timeoutMs));
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  const target = `${url.replace(/\/$/, "")}/${method}`;
  const response = await fetch(target, { method: "POST", headers, body, signal });
  if (response.status !== 200) throw await readError(response);
  return response;
}

/** Ends a try when its time is over or its signal aborts, and tells which error that is. */
class Deadline {
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

  toError(error: unknown): DuetError {
    if (error instanceof DuetError) return error;
    const { timeoutMs, url, signal } = this.#call;
    if (this.#isOver) {
      const message = `no response from ${url} within ${Math.ceil(timeoutMs)} ms`;
      return toLost("deadline_exceeded", message, "unknown", error);
    }
    if (signal.aborted) return toLost("canceled", "the call was aborted", "unknown", error);
    const { message, cause } = error as { message: string; cause?: { code?: string } };
    // Node tells why there was no connection; a browser does not.
    const isRefused = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"].includes(cause?.code ?? "");
    return toLost(
      "unavailable",
      `cannot reach ${url}: ${cause?.code ?? message}`,
      isRefused ? "nothing" : "unknown",
      error,
    );
  }
}

function toLost(code: string, message: string, outcome: Outcome, cause: unknown): DuetError {
  return createError({ code, reason: "", message, outcome, metadata: {} }, cause);
}
