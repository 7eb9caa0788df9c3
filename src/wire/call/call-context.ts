import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, type ContextValues, createContextValues } from "@connectrpc/connect";
import type { Caller, ContextWithCaller } from "../../security/caller.ts";
import type { ContextWithSpan } from "../../telemetry/call-span.ts";
import type { ContextWithRequestId } from "../../telemetry/request-id.ts";
import type { Span } from "../../telemetry/span.ts";
import type { MethodEntry } from "../method-table.ts";
import { clientGone, connectionAged, wireError } from "../wire-error.ts";
import { type Deadline, DeadlineWheel } from "./deadline-wheel.ts";
import type { Exchange } from "./exchange.ts";
import { toHeaders } from "./headers.ts";
import { untilAborted } from "./until-aborted.ts";

const deadlines = new DeadlineWheel();

/**
 * The context that a handler sees, of one call in one of our own protocols. Everything that costs (headers, signal,
 * values) is made when it is first looked at. It is not a plain object: pass it on, do not spread it.
 */
export class CallContext implements ContextWithCaller, ContextWithSpan, ContextWithRequestId, Deadline {
  readonly entry: MethodEntry;
  readonly exchange: Exchange;
  readonly protocolName: string;
  /** Set before the handler is called, where callers are asked who they are. */
  caller: Caller | undefined = undefined;
  /** Set by the tracer. */
  span: Span | undefined = undefined;
  /** Set when it is first asked for; see `requestIdOf`. */
  requestId: string | undefined = undefined;
  deadlineTick = 0;
  nextDeadline: Deadline | undefined = undefined;
  previousDeadline: Deadline | undefined = undefined;
  readonly #shutdownSignal: AbortSignal;
  readonly #deadlineMs: number | undefined;
  #waits = false;
  #controller: AbortController | undefined = undefined;
  #abortReason: unknown = undefined;
  #onExpired: ((error: unknown) => void) | undefined = undefined;
  #onShutdown: (() => void) | undefined = undefined;
  #requestHeader: Headers | undefined = undefined;
  #responseHeader: Headers | undefined = undefined;
  #responseTrailer: Headers | undefined = undefined;
  #values: ContextValues | undefined = undefined;

  constructor(
    entry: MethodEntry,
    exchange: Exchange,
    protocolName: string,
    shutdownSignal: AbortSignal,
    timeoutMs: number | undefined,
  ) {
    this.entry = entry;
    this.exchange = exchange;
    this.protocolName = protocolName;
    this.#shutdownSignal = shutdownSignal;
    this.#deadlineMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
    if (timeoutMs === undefined) return;
    if (timeoutMs > 0) {
      this.#waits = true;
      deadlines.add(this, timeoutMs);
    } else this.expire();
  }

  get service(): DescService {
    return this.entry.service;
  }
  get method(): DescMethod {
    return this.entry.spec.method;
  }
  get requestMethod(): string {
    return this.exchange.method;
  }
  get url(): string {
    const { encrypted, headers, target } = this.exchange;
    if (!target.startsWith("/")) return target;
    return `${encrypted ? "https" : "http"}://${headers.host}${target}`;
  }
  get requestHeader(): Headers {
    return (this.#requestHeader ??= toHeaders(this.exchange.headers));
  }
  /** One header of the request, without copying all of them: `requestHeader` costs more than the read of a key. */
  header(name: string): string | undefined {
    return this.exchange.header(name);
  }
  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers());
  }
  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers());
  }
  get values(): ContextValues {
    return (this.#values ??= createContextValues());
  }
  get timeoutMs(): () => number | undefined {
    const deadlineMs = this.#deadlineMs;
    return () => (deadlineMs === undefined ? undefined : deadlineMs - Date.now());
  }

  /** Aborted by the deadline, when the client or its connection goes, at shutdown, and when the call is over. */
  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    this.#controller = new AbortController();
    if (this.#abortReason === undefined) {
      this.exchange.whenGone(() => this.#abort(clientGone()));
      this.exchange.whenEnding(() => this.#abort(connectionAged()));
      this.#onShutdown = () => this.#abort(this.#shutdownSignal.reason);
      if (this.#shutdownSignal.aborted) this.#onShutdown();
      else this.#shutdownSignal.addEventListener("abort", this.#onShutdown);
    } else {
      this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** The response headers that the handler has set; undefined when it never looked at them. */
  get responseHeaderIfAny(): Headers | undefined {
    return this.#responseHeader;
  }

  /** The response trailers that the handler has set; undefined when it never looked at them. */
  get responseTrailerIfAny(): Headers | undefined {
    return this.#responseTrailer;
  }

  get hasDeadline(): boolean {
    return this.#deadlineMs !== undefined;
  }

  /** Calls back with deadline_exceeded when the deadline passes, at once if it has. Only the last one is called. */
  onExpired(callback: (error: unknown) => void): void {
    if (this.#deadlineMs === undefined) return;
    this.#onExpired = callback;
    if (this.#abortReason !== undefined) callback(this.#abortReason);
  }

  /** The outcome of `pending`, or deadline_exceeded if that comes first. One at a time. */
  untilDeadline<Result>(pending: PromiseLike<Result>): PromiseLike<Result> {
    if (this.#deadlineMs === undefined) return pending;
    return new Promise<Result>((resolve, reject) => {
      this.onExpired(reject);
      pending.then(resolve, reject);
    });
  }

  /**
   * Resolves when the client can take more of the response, or has left. Rejects when the call must end before that: at its
   * deadline, for the age of its connection, or at shutdown.
   */
  async drained(): Promise<void> {
    try {
      await untilAborted(this.exchange.drained(), this.signal);
    } catch (error) {
      if (!this.exchange.gone) throw error;
    }
  }

  /** Ends the call: frees deadline and listeners and aborts the signal, as Connect does. May be called again. */
  finish(): void {
    if (this.#waits) {
      this.#waits = false;
      deadlines.remove(this);
    }
    this.#abort(finished);
  }

  expire(): void {
    this.#waits = false;
    const error = wireError(
      Code.DeadlineExceeded,
      "DEADLINE_EXCEEDED",
      "the deadline of the call has passed",
    );
    this.#abort(error);
    this.#onExpired?.(error);
  }

  #abort(reason: unknown): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    if (this.#controller === undefined) return;
    if (this.#onShutdown !== undefined) {
      this.#shutdownSignal.removeEventListener("abort", this.#onShutdown);
    }
    this.#controller.abort(reason);
  }
}

const finished = new DOMException("the call is over", "AbortError");
