import { setTimeout as delay } from "node:timers/promises";
import { judgedCodes } from "../../../clients/typescript/src/call-outcome.ts";
import { certificateAlert } from "../../../clients/typescript/src/tls-alert.ts";
import { HttpConnection, type HttpRequest } from "../http/connection.ts";
import type { HttpResponse } from "../http/response.ts";
import type { ClientSettings } from "../settings.ts";
import { backoffMs } from "./backoff.ts";
import { CallError, isTransient, readCallError } from "./call-error.ts";
import { encodeEnvelope, readEnvelopes } from "./envelope.ts";
import type { PutRequest, WriteResponse } from "./messages.ts";
import { monotonicMs } from "./monotonic-clock.ts";

/** A put that is larger in JSON is sent as it is. A server takes requests of 4 MiB by default. */
const jsonBytesMax = 2 * 1024 * 1024;

const responseBytesMax = 256 * 1024 * 1024;

/** Both are tried again whatever happened. Only of a write it matters whether it happened, when no try has succeeded. */
type CallKind = "read" | "write";

/**
 * Calls the service with Connect's JSON over HTTP/1.1, one call at a time on one connection. When a server cannot be
 * reached or is unavailable, the next one is tried. Rejects with CallError.
 */
export class Client {
  readonly #settings: ClientSettings;
  readonly #onRetry: (error: CallError) => void;
  #connection: HttpConnection | undefined;
  #server = 0;
  /** The token of the last request. */
  #token: string | undefined;
  /** The clock of the server minus that of this machine. */
  #clockOffsetMs = 0;

  /** `onRetry` receives the error before each retry. */
  constructor(settings: ClientSettings, onRetry: (error: CallError) => void = () => {}) {
    this.#settings = settings;
    this.#onRetry = onRetry;
  }

  /** The server of the last attempt; at first the first one of the settings. */
  get server(): URL {
    return this.#settings.servers[this.#server] as URL;
  }

  get timeoutMs(): number {
    return this.#settings.timeoutMs;
  }

  /**
   * The time of the last server that responded, in milliseconds since 1970. It is up to a second behind, and more by the time that
   * the response took. Without a date in a response, it is the time of this machine.
   */
  get serverTimeMs(): number {
    return Date.now() + this.#clockOffsetMs;
  }

  /**
   * Makes a call without effects. `method` is a method of KeyValueService, or a full name:
   * duetkv.v1.StatusService/GetStatus.
   */
  async read<Response>(method: string, request: object): Promise<Response> {
    return this.#post("read", method, request);
  }

  /** Makes a call with effects; otherwise like `read`. */
  async write<Response>(method: string, request: object): Promise<Response> {
    // Reads do not wait for node:crypto.
    const { createRequestId } = await import("./request-id.ts");
    return this.#post("write", method, { ...request, requestId: createRequestId() });
  }

  /** Stores a value, as it is if it would be too large in JSON. Otherwise like `write`. */
  async put(request: PutRequest): Promise<WriteResponse> {
    if (Buffer.byteLength(JSON.stringify(request)) <= jsonBytesMax) return this.write("Put", request);
    const [{ toRawPut }, { createRequestId }] = await Promise.all([
      import("./raw-put.ts"),
      import("./request-id.ts"),
    ]);
    const raw = toRawPut(request, createRequestId());
    return this.#call("write", () => ({ ...raw, headers: { ...raw.headers, ...this.#authorization() } }));
  }

  /**
   * Yields the messages of a server stream without effects. The first must arrive within the timeout of the settings,
   * each later one within `silenceMs` of the one before. Never retried.
   */
  async *stream<Message>(
    method: string,
    request: object,
    silenceMs: number,
  ): AsyncGenerator<Message, void, undefined> {
    const body = encodeEnvelope(JSON.stringify(request));
    const pieces = this.#receive(this.#toPost(method, "application/connect+json", body), silenceMs);
    try {
      yield* readEnvelopes<Message>(pieces);
    } catch (error) {
      throw withOutcome(toLostError(error), "nothing");
    } finally {
      this.close();
    }
  }

  /** Yields the body of a REST response; otherwise like `stream`. */
  async *download(path: string, silenceMs: number): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* this.#receive({ method: "GET", path, headers: this.#authorization(), body: "" }, silenceMs);
    } catch (error) {
      throw withOutcome(toLostError(error), "nothing");
    } finally {
      this.close();
    }
  }

  /**
   * Reads the token file again if the failure is that a token was refused. Returns whether it has another token: then another
   * call may succeed. `read`, `write` and `put` do that themselves.
   */
  renewToken({ details: { code } }: CallError): boolean {
    return code === "unauthenticated" && this.#settings.tokenFile.renew(this.#token);
  }

  /** Makes the next call use the next server. */
  useNextServer(): void {
    this.close();
    this.#server = (this.#server + 1) % this.#settings.servers.length;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async *#receive(request: HttpRequest, silenceMs: number): AsyncGenerator<Buffer, void, undefined> {
    const { timeoutMs } = this.#settings;
    const connection = await this.#connect(timeoutMs);
    connection.limitSilence(timeoutMs, `no response within ${timeoutMs} ms`);
    const response = await connection.send(request);
    if (response.status !== 200) {
      throw readCallError(response.status, (await readBody(response.body)).toString());
    }
    connection.limitSilence(silenceMs, `nothing received for ${silenceMs / 1000} s`);
    yield* response.body;
  }

  #post<Response>(kind: CallKind, method: string, request: object): Promise<Response> {
    const body = JSON.stringify(request);
    return this.#call(kind, (leftMs) => this.#toPost(method, "application/json", body, leftMs));
  }

  /** `toRequest` takes the time that is left, in milliseconds. */
  async #call<Response>(kind: CallKind, toRequest: (leftMs: number) => HttpRequest): Promise<Response> {
    const deadline = monotonicMs() + this.#settings.timeoutMs;
    return this.#retrying(kind, deadline, (leftMs, tryMs) =>
      this.#exchange(toRequest(leftMs), leftMs, tryMs, async ({ status, headers, body }) => {
        this.#readClock(headers.get("date"));
        const text = (await readBody(body)).toString();
        // 201: a value was stored by REST.
        if (status !== 200 && status !== 201) throw readCallError(status, text);
        return JSON.parse(text) as Response;
      }),
    );
  }

  async #retrying<Result>(
    kind: CallKind,
    deadline: number,
    attempt: (leftMs: number, tryMs: number) => Promise<Result>,
  ): Promise<Result> {
    // The server that may have carried out a try; undefined: none. "several": or a try may still wait in one of them.
    let open: URL | "several" | undefined;
    for (let failures = 1; ; failures++) {
      try {
        const leftMs = Math.max(deadline - monotonicMs(), 1);
        // A silent server leaves time to try another one.
        const tryMs = this.#settings.servers.length === 1 ? leftMs : leftMs / 2;
        return await attempt(leftMs, tryMs);
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        if (monotonicMs() < deadline && this.renewToken(error)) continue;
        const { outcome, code } = error.details;
        if (kind === "write" && outcome === "unknown") {
          const isKnownServer = (open ?? this.server) === this.server;
          open = isKnownServer && !(error.cause instanceof SilentServerError) ? this.server : "several";
        }
        // Once a try may have done something, only the server that has it can tell that it did not.
        const isKnown = open === undefined || (open === this.server && judgedCodes.has(code));
        const failure = withOutcome(error, isKnown ? "nothing" : "unknown");
        const pauseMs = this.#pauseMs(failures);
        if (!isTransient(error) || monotonicMs() + pauseMs >= deadline) throw failure;
        this.#onRetry(error);
        this.useNextServer();
        await delay(pauseMs);
      }
    }
  }

  /** All servers are tried without a pause before the first pause. */
  #pauseMs(failures: number): number {
    const rounds = failures / this.#settings.servers.length;
    return Number.isInteger(rounds) ? backoffMs(rounds) : 0;
  }

  async #exchange<Result>(
    request: HttpRequest,
    leftMs: number,
    tryMs: number,
    read: (response: HttpResponse) => Promise<Result>,
  ): Promise<Result> {
    const connection = await this.#connect(tryMs);
    const silence =
      tryMs < leftMs
        ? new SilentServerError(`no response within ${Math.ceil(tryMs)} ms`)
        : new DeadlineError(`no response within the remaining ${Math.ceil(leftMs)} ms`);
    const timer = setTimeout(() => connection.close(silence), tryMs);
    try {
      const result = await read(await connection.send(request));
      if (!connection.usable) this.close();
      return result;
    } catch (error) {
      if (!(error instanceof CallError) || !connection.usable) this.close();
      throw toLostError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect(timeoutMs: number): Promise<HttpConnection> {
    if (this.#connection?.usable === true) return this.#connection;
    this.close();
    try {
      this.#connection = await HttpConnection.open(this.server, this.#settings.tls, timeoutMs);
      return this.#connection;
    } catch (error) {
      const failure = describeConnectError(error as NodeJS.ErrnoException, this.server);
      throw (
        toCertificateError(error) ??
        new CallError({ code: "unavailable", ...failure, metadata: {}, outcome: "nothing" }, error)
      );
    }
  }

  #readClock(date: string | undefined): void {
    const time = Date.parse(date ?? "");
    if (Number.isFinite(time)) this.#clockOffsetMs = time - Date.now();
  }

  #toPost(method: string, type: string, body: string | Uint8Array, timeoutMs?: number): HttpRequest {
    return {
      method: "POST",
      path: method.includes("/") ? `/${method}` : `/duetkv.v1.KeyValueService/${method}`,
      headers: {
        "Content-Type": type,
        "Connect-Protocol-Version": "1",
        ...(timeoutMs !== undefined && { "Connect-Timeout-Ms": String(Math.ceil(timeoutMs)) }),
        ...this.#authorization(),
      },
      body,
    };
  }

  #authorization(): Readonly<Record<string, string>> {
    this.#token = this.#settings.tokenFile.token;
    return this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` };
  }
}

/** Why there is no connection. Errors of TLS have a code, but no system call. */
function describeConnectError({ code, syscall, message }: NodeJS.ErrnoException, { origin }: URL) {
  if (code === undefined || syscall !== undefined || !origin.startsWith("https:")) {
    return { reason: "UNREACHABLE", message: `cannot reach ${origin}: ${message || code}` };
  }
  const isPlain = code === "ERR_SSL_WRONG_VERSION_NUMBER";
  // Node adds advice of its own after a semicolon.
  const why = isPlain ? "the server does not use it" : message.replace(/;.*/s, "");
  return { reason: "TLS_FAILED", message: `cannot use TLS with ${origin}: ${why}` };
}

/** With TLS 1.3, a server refuses the certificate of a client after the client has sent its request. */
function toCertificateError(error: unknown): CallError | undefined {
  const alert = certificateAlert(error);
  if (alert === undefined) return undefined;
  const message = `the server refused the TLS connection: ${alert}`;
  const details = { code: "unauthenticated", reason: "CERTIFICATE_REFUSED", message } as const;
  return new CallError({ ...details, metadata: {}, outcome: "nothing" }, error);
}

class DeadlineError extends Error {}

class SilentServerError extends Error {}

function withOutcome({ details, cause }: CallError, outcome: "nothing" | "unknown"): CallError {
  return new CallError({ ...details, outcome }, cause);
}

async function readBody(body: HttpResponse["body"]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > responseBytesMax) throw new Error(`the response is larger than ${responseBytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The error of a request that was sent but got no readable response. */
function toLostError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  const refused = toCertificateError(error);
  if (refused !== undefined) return refused;
  const { message } = error as Error;
  const code = error instanceof DeadlineError ? "deadline_exceeded" : "unavailable";
  const reason = error instanceof DeadlineError ? "DEADLINE_EXCEEDED" : "CONNECTION_LOST";
  return new CallError({ code, reason, message, metadata: {}, outcome: "unknown" }, error);
}
