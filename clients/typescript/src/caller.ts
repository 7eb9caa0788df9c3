import { isTransient } from "./call-outcome.ts";
import { Credentials } from "./credentials.ts";
import { createError, DuetError, type Outcome } from "./errors.ts";
import type { EntryMessage } from "./messages.ts";
import type { ConnectOptions } from "./options.ts";
import { pause } from "./pause.ts";
import { RequestIds } from "./request-id.ts";
import type { Transport, TransportCall } from "./transport.ts";

/** What may be set for one call. */
export interface CallOptions {
  /** All tries together. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A retry costs one token, and a call earns `budget`: in an outage retries add at most that share to the load. */
const tokensMax = 10;

/** Makes calls: chooses the server, brings the credentials, and tries again within the deadline. */
export class Caller {
  readonly timeoutMs: number;
  /** Aborted when the client is closed. */
  readonly signal: AbortSignal;
  readonly onEvent: NonNullable<ConnectOptions["onEvent"]>;
  readonly #transport: Transport;
  readonly #urls: readonly string[];
  readonly #retry: { readonly baseMs: number; readonly maxMs: number; readonly budget: number };
  readonly #credentials: Credentials;
  readonly #requestIds = new RequestIds();
  #server = 0;
  #tokens: number;

  constructor(transport: Transport, signal: AbortSignal, options: ConnectOptions) {
    const { url, timeoutMs = 5000, retry = {}, credentials, onEvent = () => {} } = options;
    this.timeoutMs = timeoutMs;
    this.signal = signal;
    this.onEvent = onEvent;
    this.#transport = transport;
    this.#urls = typeof url === "string" ? [url] : url;
    if (this.#urls.length === 0) throw new TypeError("url is empty");
    this.#retry = { baseMs: 50, maxMs: 2000, budget: 0.1, ...(retry === false ? { budget: 0 } : retry) };
    this.#tokens = retry === false ? 0 : tokensMax;
    this.#credentials = new Credentials(credentials);
  }

  /** A call that changes nothing. Rejects with DuetError. */
  async read<Response>(method: string, message: object, options: CallOptions = {}): Promise<Response> {
    try {
      return (await this.#retrying(method, message, options)) as Response;
    } catch (error) {
      throw withOutcome(error, "nothing");
    }
  }

  /** A call that changes something: its request id makes it happen once, however often it is sent. Rejects with DuetError. */
  async write<Response>(method: string, message: object, options: CallOptions = {}): Promise<Response> {
    const exact = { ...message, requestId: this.#requestIds.next() };
    let response: object;
    try {
      response = await this.#retrying(method, exact, options);
    } catch (error) {
      if (!isWrongTime(error) || error.outcome === "unknown") throw error;
      // The clock of this process is wrong. Without an id there is one try only; its response tells the time.
      response = await this.#attempt(method, message, options, options.timeoutMs ?? this.timeoutMs);
    }
    const { entry, results } = response as { entry?: EntryMessage; results?: { entry?: EntryMessage }[] };
    // A touch leaves the time of the entry as it was.
    if (method !== "Touch") this.#requestIds.observe((entry ?? results?.[0]?.entry)?.updateTime);
    return response as Response;
  }

  /** One try of a stream, which ends when the server ends it, and throws DuetError. */
  async *stream<Message>(
    method: string,
    message: object,
    signal: AbortSignal,
  ): AsyncGenerator<Message, void, undefined> {
    for (let isRenewed = false; ; isRenewed = true) {
      try {
        const call = await this.#toCall(method, message, this.timeoutMs, signal);
        for await (const each of this.#transport.stream(call)) yield each as Message;
        return;
      } catch (error) {
        if (isRenewed || !this.#credentials.mayRenew(error)) throw error;
      }
    }
  }

  /** The next call goes to the next server. */
  useNextServer(): void {
    this.#server = (this.#server + 1) % this.#urls.length;
  }

  /** The pause before the try after so many failures in a row: longer each time, and never the same for all clients. */
  backoffMs(failures: number): number {
    const { baseMs, maxMs } = this.#retry;
    return Math.min(baseMs * 2 ** (failures - 1), maxMs) * (0.5 + Math.random() / 2);
  }

  close(): void | Promise<void> {
    return this.#transport.close?.();
  }

  async #retrying(method: string, message: object, options: CallOptions): Promise<object> {
    const end = performance.now() + (options.timeoutMs ?? this.timeoutMs);
    this.#tokens = Math.min(this.#tokens + this.#retry.budget, tokensMax);
    // Once one try may have done something, a later one that did nothing does not tell whether it happened.
    let isOpen = false;
    for (let failures = 1; ; failures++) {
      const leftMs = Math.max(end - performance.now(), 1);
      const mayRetry = this.#tokens >= 1;
      // Where there is another server, one that does not respond must not take all the time.
      const tryMs = mayRetry && this.#urls.length > 1 ? leftMs / 2 : leftMs;
      try {
        return await this.#attempt(method, message, options, tryMs);
      } catch (error) {
        if (!(error instanceof DuetError)) throw error;
        isOpen ||= error.outcome === "unknown";
        const hasTime = error.code === "deadline_exceeded" && tryMs < leftMs;
        if (!isTransient(error) && !hasTime) {
          // A repeat is refused only if no earlier try succeeded; one whose id is too old tells nothing.
          throw isOpen && isWrongTime(error) ? withOutcome(error, "unknown") : error;
        }
        const pauseMs = Math.max(error.retryAfterMs ?? 0, this.#pauseMs(failures));
        if (!mayRetry || performance.now() + pauseMs >= end) {
          throw withOutcome(error, isOpen ? "unknown" : "nothing");
        }
        this.#tokens--;
        this.onEvent({ type: "retry", method, error, pauseMs });
        this.useNextServer();
        await pause(pauseMs, this.#signalOf(options));
      }
    }
  }

  /** Every server is tried at once before the first pause. */
  #pauseMs(failures: number): number {
    const rounds = failures / this.#urls.length;
    return Number.isInteger(rounds) ? this.backoffMs(rounds) : 0;
  }

  async #attempt(method: string, message: object, options: CallOptions, timeoutMs: number): Promise<object> {
    for (let isRenewed = false; ; isRenewed = true) {
      try {
        const call = await this.#toCall(method, message, timeoutMs, this.#signalOf(options));
        return await this.#transport.unary(call);
      } catch (error) {
        if (isRenewed || !this.#credentials.mayRenew(error)) throw error;
      }
    }
  }

  async #toCall(
    name: string,
    message: object,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<TransportCall> {
    const url = this.#urls[this.#server] as string;
    const method = name.includes("/") ? name : `duetkv.v1.KeyValueService/${name}`;
    return { url, method, message, token: await this.#credentials.get(), timeoutMs, signal };
  }

  #signalOf({ signal }: CallOptions): AbortSignal {
    return signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]);
  }
}

/** Whether the service refused a request id for its time. */
function isWrongTime(error: unknown): error is DuetError {
  return error instanceof DuetError && ["REQUEST_ID_EXPIRED", "REQUEST_ID_INVALID"].includes(error.reason);
}

function withOutcome(error: unknown, outcome: Outcome): unknown {
  if (!(error instanceof DuetError) || error.outcome === outcome) return error;
  const { code, reason, message, metadata, retryAfterMs } = error;
  return createError({ code, reason, message, metadata, retryAfterMs, outcome }, error.cause);
}
