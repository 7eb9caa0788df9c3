import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { Code, type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { MethodEntry } from "./method-table.ts";
import { wireError } from "./wire-error.ts";

type MessageInit = MessageInitShape<DescMessage>;

/** What an invocation asks of the lane that it came in on. Called only when a handler wants to know. */
export interface Caller {
  readonly protocolName: string;
  readonly requestMethod: string;
  readonly url: string;
  requestHeader(): Headers;
  /** Calls back once when the peer can no longer receive the answer; at once if that is so already. */
  whenGone(callback: () => void): void;
}

/**
 * One call of a handler from one of our own lanes, and the context that the handler sees. Everything that costs
 * (headers, signal, values) is made when it is first looked at. It is not a plain object: pass it on, do not spread it.
 */
export class Invocation implements HandlerContext {
  readonly #entry: MethodEntry;
  readonly #caller: Caller;
  readonly #shutdownSignal: AbortSignal;
  readonly #deadlineMs: number | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;
  #abortReason: unknown;
  #onExpired: ((error: unknown) => void) | undefined;
  #onShutdown: (() => void) | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;

  constructor(entry: MethodEntry, caller: Caller, shutdownSignal: AbortSignal, timeoutMs?: number) {
    this.#entry = entry;
    this.#caller = caller;
    this.#shutdownSignal = shutdownSignal;
    if (timeoutMs === undefined) return;
    this.#deadlineMs = Date.now() + timeoutMs;
    if (timeoutMs > 0) this.#deadlineTimer = setTimeout(() => this.#expire(), timeoutMs);
    else this.#expire();
  }

  get service(): DescService {
    return this.#entry.service;
  }
  get method(): DescMethod {
    return this.#entry.spec.method;
  }
  get protocolName(): string {
    return this.#caller.protocolName;
  }
  get requestMethod(): string {
    return this.#caller.requestMethod;
  }
  get url(): string {
    return this.#caller.url;
  }
  get requestHeader(): Headers {
    return (this.#requestHeader ??= this.#caller.requestHeader());
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

  /** Aborted by the deadline, when the peer goes away, at shutdown, and when the call is over. */
  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    this.#controller = new AbortController();
    if (this.#abortReason === undefined) {
      this.#caller.whenGone(() =>
        this.#abort(wireError(Code.Canceled, "CLIENT_GONE", "the client went away")),
      );
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

  /** Ends the call: frees timer and listeners and aborts the signal, as Connect does. May be called again. */
  finish(): void {
    clearTimeout(this.#deadlineTimer);
    this.#abort(finished);
  }

  #expire(): void {
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

/** Gets what comes of the call of a unary method. */
export interface UnaryCaller {
  /** With a message, or with what one can be made of. */
  succeed(answer: MessageInit): void;
  fail(error: unknown): void;
}

/**
 * Calls the handler of a unary method, and then one of the caller's two, once: with the answer, or with what was thrown or
 * deadline_exceeded. At once when the handler answers at once. The invocation is over by then.
 */
export function invokeUnary(
  { spec, path }: MethodEntry,
  request: Message,
  invocation: Invocation,
  caller: UnaryCaller,
): void {
  let answer: MessageInit | Promise<MessageInit>;
  try {
    if (spec.kind !== "unary") throw new TypeError(`${path} is not a unary method`);
    answer = spec.impl(request, invocation);
  } catch (error) {
    fail(error, invocation, caller);
    return;
  }
  if ("then" in answer) answerLater(answer as Promise<MessageInit>, invocation, caller);
  else succeed(answer, invocation, caller);
}

function answerLater(answer: Promise<MessageInit>, invocation: Invocation, caller: UnaryCaller): void {
  invocation.untilDeadline(answer).then(
    (init) => succeed(init, invocation, caller),
    (error: unknown) => fail(error, invocation, caller),
  );
}

function succeed(answer: MessageInit, invocation: Invocation, caller: UnaryCaller): void {
  invocation.finish();
  caller.succeed(answer);
}

function fail(error: unknown, invocation: Invocation, caller: UnaryCaller): void {
  invocation.finish();
  caller.fail(error);
}

/**
 * Calls the handler of a server-streaming method. Each message is pulled when it is asked for; leaving the loop early
 * tells the handler. The caller calls `finish` on the invocation when it is done.
 */
export async function* invokeServerStream(
  entry: MethodEntry,
  request: Message,
  invocation: Invocation,
): AsyncGenerator<Message, void, undefined> {
  const { spec } = entry;
  if (spec.kind !== "server_streaming") throw new TypeError(`${entry.path} is not a server-streaming method`);
  const messages = spec.impl(request, invocation)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await invocation.untilDeadline(messages.next());
      if (next.done === true) return;
      yield create(spec.method.output, next.value);
    }
  } finally {
    // A handler that waits for its signal only hears of the end by it; waiting for the handler first would hang.
    invocation.finish();
    messages.return?.().then(undefined, () => {});
  }
}
