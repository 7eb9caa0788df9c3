import { isTransient, outcomeOf } from "./call-outcome.ts";
import type { Caller } from "./caller.ts";
import { Deadline } from "./deadline.ts";
import { createError, DuetError } from "./errors.ts";
import type { Entry, Watch, WatchMessage, WatchOptions } from "./kv.ts";
import type { WatchResponse } from "./messages.ts";
import { pause } from "./pause.ts";
import type { Values } from "./values.ts";

/** The service sends a heartbeat every 15 s. Two may be lost. */
const silenceMs = 35_000;

/** A stream that lasted so long was not refused: the next pause is the shortest. */
const stableMs = 5000;

/** What a watch asks for beside where it begins. */
export interface WatchRequest {
  readonly keys?: readonly string[];
  readonly prefixes?: readonly string[];
}

/** A watch that goes on where it was interrupted, whatever ended the stream. */
export class ResumingWatch<T> implements Watch<T> {
  state: Watch<T>["state"] = "connecting";
  resumeRevision: number | undefined;
  readonly #caller: Caller;
  readonly #values: Values<T>;
  readonly #request: WatchRequest;
  readonly #previous: boolean;
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal;
  /** The next stream begins with all entries: it was asked for, or the history does not reach back far enough. */
  #needsReset: boolean;
  readonly #mayReset: boolean;
  /** When the first message of the stream came; undefined: none has come. */
  #begunAt: number | undefined;
  #messages: AsyncGenerator<WatchMessage<T>, void, undefined> | undefined;

  constructor(caller: Caller, values: Values<T>, request: WatchRequest, options: WatchOptions) {
    this.#caller = caller;
    this.#values = values;
    this.#request = request;
    this.#previous = options.previous === true;
    this.#needsReset = options.existing === true;
    this.#mayReset = options.existing !== false;
    this.resumeRevision = options.from;
    const signals = [this.#controller.signal, caller.signal];
    this.#signal = AbortSignal.any(options.signal === undefined ? signals : [...signals, options.signal]);
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchMessage<T>> {
    this.#messages ??= this.#follow();
    return this.#messages;
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await this.#messages?.return();
    this.state = "ended";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#follow(): AsyncGenerator<WatchMessage<T>, void, undefined> {
    let failures = 0;
    try {
      while (!this.#signal.aborted) {
        try {
          yield* this.#receive();
        } catch (error) {
          if (this.#signal.aborted) return;
          if (!(error instanceof DuetError)) throw error;
          if (error.reason === "REVISION_COMPACTED" && this.#mayReset) this.#needsReset = true;
          else if (!this.#mayGoOn(error)) throw error;
          this.state = "stale";
          this.#caller.onEvent({ type: "watch-interrupted", error, resumeRevision: this.resumeRevision });
          // A server may end each stream after its first message.
          if (performance.now() - (this.#begunAt ?? Number.POSITIVE_INFINITY) > stableMs) failures = 0;
          const pauseMs = Math.max(error.retryAfterMs ?? 0, this.#caller.backoffMs(++failures));
          await pause(pauseMs, this.#signal);
        }
      }
    } finally {
      this.state = "ended";
    }
  }

  /** The messages of one stream. Throws DuetError, also when the server ended it. */
  async *#receive(): AsyncGenerator<WatchMessage<T>, void, undefined> {
    const start = this.#needsReset ? { includeExisting: true } : { startRevision: this.resumeRevision };
    const request = { ...this.#request, ...start, previous: this.#previous };
    // A connection can be dead without an error.
    const silence = new Deadline({ url: "the watch", timeoutMs: silenceMs, signal: this.#signal });
    let existing: Entry<T>[] = [];
    this.#begunAt = undefined;
    try {
      const responses = this.#caller.stream<WatchResponse>("Watch", request, silence.signal);
      for await (const response of responses) {
        silence.clear();
        this.state = "live";
        this.#begunAt ??= performance.now();
        for (const entry of response.existing ?? []) existing.push(this.#values.toLazyEntry(entry));
        const resume = response.resumeRevision;
        if (response.existingEnd === true) {
          this.#needsReset = false;
          this.resumeRevision = Number(resume);
          const entries = existing;
          existing = [];
          yield { type: "reset", revision: Number(response.revision), entries };
        } else if (resume !== undefined) {
          const message = this.#toMessage(response, Number(resume));
          // A reader that leaves while it has the message has had it.
          this.resumeRevision = Number(resume);
          yield message;
        }
        silence.begin();
      }
    } catch (error) {
      throw silence.errorOf(error) ?? error;
    } finally {
      silence.end();
    }
    const message = "the server ended the watch";
    throw createError({ code: "unavailable", message, outcome: "nothing" });
  }

  #mayGoOn(error: DuetError): boolean {
    const { code, reason } = error;
    if (isTransient(error) || reason === "WATCHER_TOO_SLOW" || outcomeOf(code, reason) === "unknown")
      return true;
    // The token has ended in mid-stream: the next stream has a new one.
    return code === "unauthenticated" && this.#begunAt !== undefined;
  }

  #toMessage({ revision, events = [] }: WatchResponse, resumeRevision: number): WatchMessage<T> {
    if (events.length === 0) return { type: "bookmark", revision: resumeRevision };
    const changes = events.map((event) => this.#values.toChange(event));
    return { type: "changes", revision: Number(revision), changes };
  }
}
