import { isTransient, judgedCodes } from "./call-outcome.ts";
import { Credentials } from "./credentials.ts";
import { createError, DuetError, type ErrorDetails, type Outcome } from "./errors.ts";
import { LinkedController } from "./linked-controller.ts";
import type { EntryMessage } from "./messages.ts";
import { notify } from "./notify.ts";
import type { ConnectOptions } from "./options.ts";
import { pause, timerMaxMs } from "./pause.ts";
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

/** Options of calls that have the time of one together. */
export function within<Options extends CallOptions>(options: Options, timeoutMs: number): Options {
  const end = performance.now() + timeoutMs;
  return {
    ...options,
    get timeoutMs() {
      return Math.max(end - performance.now(), 1);
    },
  };
}

interface CallLimits {
  readonly signal: AbortSignal;
  /** By the monotonic clock. */
  readonly end: number;
}

interface CallRequest extends CallLimits {
  readonly url: string;
  readonly method: string;
  readonly message: object;
  readonly token?: Promise<string> | undefined;
  /** The part of the time left that this try may take. */
  readonly share?: number;
}

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
    this.onEvent = (event) => notify(onEvent, event);
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
      const response = await this.#limited(options, (limits) => this.#retrying(method, message, limits));
      return response as Response;
    } catch (error) {
      throw withOutcome(error, "nothing");
    }
  }

  /** A call that changes something: its request id makes it happen once, however often it is sent. Rejects with DuetError. */
  async write<Response>(method: string, message: object, options: CallOptions = {}): Promise<Response> {
    const exact = { ...message, requestId: this.#requestIds.next() };
    const response = await this.#limited(options, async (limits) => {
      try {
        return await this.#retrying(method, exact, limits);
      } catch (error) {
        if (!isWrongTime(error) || error.outcome === "unknown") throw error;
        // The clock of this process is wrong. Without an id there is one try only; its response tells the time.
        return await this.#attempt({ url: this.#url, method, message, ...limits });
      }
    });
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
    const url = this.#url;
    let hasBegun = false;
    for (let isRenewed = false; ; isRenewed = true) {
      const token = this.#credentials.current();
      const end = performance.now() + this.timeoutMs;
      const call = await this.#toCall({ url, method, message, token, signal, end });
      try {
        for await (const each of this.#transport.stream(call)) {
          hasBegun = true;
          yield each as Message;
        }
        return this.#leave(url);
      } catch (error) {
        // To begin again would repeat or lose messages.
        const mayRepeat = this.#credentials.mayRenew(error, token) && !hasBegun && !isRenewed;
        if (mayRepeat) continue;
        if (isTransient(error as DuetError) || (error as DuetError).reason === "") this.#leave(url);
        throw error;
      }
    }
  }

  /** The pause before the try after so many failures in a row: longer each time, and never the same for all clients. */
  backoffMs(failures: number): number {
    const { baseMs, maxMs } = this.#retry;
    return Math.min(baseMs * 2 ** (failures - 1), maxMs) * (0.5 + Math.random() / 2);
  }

  close(): void | Promise<void> {
    return this.#transport.close?.();
  }

  get #url(): string {
    return this.#urls[this.#server] as string;
  }

  /** The next call goes to the next server, unless another call that failed has seen to it. */
  #leave(url: string): void {
    if (url === this.#url) this.#server = (this.#server + 1) % this.#urls.length;
  }

  /** Makes one or several calls that have the time of one, and that end with its signal or with the client. */
  async #limited(
    { timeoutMs = this.timeoutMs, signal }: CallOptions,
    call: (limits: CallLimits) => Promise<object>,
  ): Promise<object> {
    const end = performance.now() + timeoutMs;
    if (signal === undefined) return call({ signal: this.signal, end });
    const controller = new LinkedController(signal, this.signal);
    try {
      return await call({ signal: controller.signal, end });
    } finally {
      controller.unlink();
    }
  }

  async #retrying(method: string, message: object, { signal, end }: CallLimits): Promise<object> {
    this.#tokens = Math.min(this.#tokens + this.#retry.budget, tokensMax);
    // The server that may have carried out a try; empty: there are several, or a try may still wait in one of them.
    let open: string | undefined;
    for (let failures = 1; ; failures++) {
      const url = this.#url;
      const mayRetry = this.#tokens >= 1;
      // Where there is another server, one that does not respond must not take all the time.
      const share = mayRetry && this.#urls.length > 1 ? 0.5 : 1;
      try {
        if (signal.aborted) throw canceled();
        return await this.#attempt({ url, method, message, signal, end, share });
      } catch (error) {
        if (!(error instanceof DuetError)) throw error;
        const isLate = error.code === "deadline_exceeded" && error.outcome === "unknown";
        if (isLate || isTransient(error)) this.#leave(url);
        if (error.outcome === "unknown") open = !isLate && (open ?? url) === url ? url : "";
        // Once a try may have done something, only the server that has it can tell that it did not.
        const isKnown = open === undefined || (open === url && judgedCodes.has(error.code));
        const outcome = isKnown ? "nothing" : "unknown";
        const pauseMs = Math.max(error.retryAfterMs ?? 0, this.#pauseMs(failures));
        const isFinal = !mayRetry || !(isTransient(error) || (isLate && share < 1));
        if (isFinal || performance.now() + pauseMs >= end) throw withOutcome(error, outcome);
        this.#tokens--;
        this.onEvent({ type: "retry", method, error, pauseMs });
        await pause(pauseMs, signal);
      }
    }
  }

  /** Every server is tried at once before the first pause. */
  #pauseMs(failures: number): number {
    const rounds = failures / this.#urls.length;
    return Number.isInteger(rounds) ? this.backoffMs(rounds) : 0;
  }

  async #attempt(request: CallRequest): Promise<object> {
    for (let isRenewed = false; ; isRenewed = true) {
      const token = this.#credentials.current();
      const call = await this.#toCall({ ...request, token });
      try {
        return await this.#transport.unary(call);
      } catch (error) {
        if (!this.#credentials.mayRenew(error, token) || isRenewed) throw error;
      }
    }
  }

  async #toCall({
    url,
    method,
    message,
    token,
    signal,
    end,
    share = 1,
  }: CallRequest): Promise<TransportCall> {
    const leftMs = (part: number): number =>
      Math.min(Math.max((end - performance.now()) * part, 1), timerMaxMs);
    return {
      url,
      method: method.includes("/") ? method : `duetkv.v1.KeyValueService/${method}`,
      message,
      token: await this.#credentials.wait(token, leftMs(1), signal),
      timeoutMs: leftMs(share),
      signal,
    };
  }
}

/** Whether the service refused a request id for its time. */
function isWrongTime(error: unknown): error is DuetError {
  return error instanceof DuetError && ["REQUEST_ID_EXPIRED", "REQUEST_ID_INVALID"].includes(error.reason);
}

function canceled(): DuetError {
  return createError({ code: "canceled", message: "the call was aborted", outcome: "nothing" });
}

function withOutcome(error: unknown, outcome: Outcome): unknown {
  if (!(error instanceof DuetError) || error.outcome === outcome) return error;
  const details: ErrorDetails = error;
  return createError({ ...details, message: error.message, outcome }, error.cause);
}
