import { Deadline } from "./deadline.ts";
import { encodeEnvelope, readEnvelopes } from "./envelope.ts";
import { readError } from "./error-response.ts";
import { createError, DuetError, type Outcome } from "./errors.ts";
import type { Transport, TransportCall } from "./transport.ts";

/** The reason of a call over TLS whose connection ended before the server had sent anything. */
const tlsClosed = "TLS_CLOSED";

/** What Node's fetch tells of a connection. */
interface ConnectionFailure {
  readonly code?: string;
  readonly socket?: { readonly bytesRead?: number };
}

/** The Connect protocol with JSON over `fetch`: works wherever there is a `fetch`. */
export const fetchTransport: Transport = {
  async unary(call) {
    const deadline = new Deadline(call);
    try {
      const body = JSON.stringify(call.message);
      const response = await send(call, deadline.signal, "application/json", body);
      return (await response.json()) as object;
    } catch (error) {
      throw toError(error, call, deadline);
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
      throw toError(error, call, deadline, "nothing");
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

/** Whatever ended the try as a DuetError. */
function toError(
  error: unknown,
  { url }: TransportCall,
  deadline: Deadline,
  outcome: Outcome = "unknown",
): DuetError {
  if (error instanceof DuetError) return error;
  const { message, cause } = error as { message: string; cause?: ConnectionFailure };
  // Node tells why there was no connection; a browser does not.
  const isRefused = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"].includes(cause?.code ?? "");
  // Node's fetch does not tell the alert of a server that requires a certificate: the connection ends without a byte.
  const isClosed = url.startsWith("https:") && cause?.socket?.bytesRead === 0;
  const why = isClosed ? "connection closed; is a client certificate required?" : (cause?.code ?? message);
  return (
    deadline.errorOf(error) ??
    createError(
      {
        code: "unavailable",
        reason: isClosed ? tlsClosed : "",
        message: `cannot reach ${url}: ${why}`,
        outcome: isRefused ? "nothing" : outcome,
      },
      error,
    )
  );
}
