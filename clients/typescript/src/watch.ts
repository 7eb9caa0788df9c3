import { isTransient, outcomeOf } from "./call-outcome.ts";
import type { Caller } from "./caller.ts";
import { Deadline } from "./deadline.ts";
import { createError, DuetError } from "./errors.ts";
import type { Entry, Watch, WatchMessage, WatchOptions } from "./kv.ts";
import { LinkedController } from "./linked-controller.ts";
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
  readonly #options: WatchOptions;
  readonly #controller: LinkedController;
  /** The next stream begins with all entries: it was asked for, or the history does not reach back far enough. */
  #needsReset: boolean;
  /** When the first message of the stream came; 0: none has come. */
  #begunAt = 0;
  #messages: AsyncGenerator<WatchMessage<T>, void, undefined> | undefined;

  constructor(caller: Caller, values: Values<T>, request: WatchRequest, options: WatchOptions) {
    this.#caller = caller;
    this.#values = values;
    this.#request = request;
    this.#options = options;
    this.#needsReset = options.existing === true;
    this.resumeRevision = options.from;
    this.#controller = new LinkedController(caller.signal, options.signal);
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchMessage<T>> {
    this.#messages ??= this.#follow();
    return this.#messages;
  }

  async close(): Promise<void> {
    this.#controller.abort();
    this.#controller.unlink();
    await this.#messages?.return();
    this.state = "ended";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#follow(): AsyncGenerator<WatchMessage<T>, void, undefined> {
    let failures = 0;
    const { signal } = this.#controller;
    try {
      while (!signal.aborted) {
        try {
          yield* this.#receive();
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof DuetError)) throw error;
          if (error.reason === "REVISION_COMPACTED" && this.#options.existing !== false)
            this.#needsReset = true;
          else if (!this.#mayGoOn(error)) throw error;
          this.state = "stale";
          this.#caller.onEvent({ type: "watch-interrupted", error, resumeRevision: this.resumeRevision });
          // A server may end each stream after its first message.
          if (this.#begunAt > 0 && performance.now() - this.#begunAt > stableMs) failures = 0;
          const pauseMs = Math.max(error.retryAfterMs ?? 0, this.#caller.backoffMs(++failures));
          await pause(pauseMs, signal);
        }
      }
    } finally {
      this.#controller.unlink();
      this.state = "ended";
    }
  }

  /** The messages of one stream. Throws DuetError, also when the server ended it. */
  async *#receive(): AsyncGenerator<WatchMessage<T>, void, undefined> {
    const start = this.#needsReset ? { includeExisting: true } : { startRevision: this.resumeRevision };
    const request = { ...this.#request, ...start, previous: this.#options.previous };
    // A connection can be dead without an error.
    const silence = new Deadline({ url: "the watch", timeoutMs: silenceMs, signal: this.#controller.signal });
    let existing: Entry<T>[] = [];
    this.#begunAt = 0;
    try {
      const responses = this.#caller.stream<WatchResponse>("Watch", request, silence.signal);
      for await (const response of responses) {
        silence.clear();
        this.state = "live";
        this.#begunAt ||= performance.now();
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
    return code === "unauthenticated" && this.#begunAt > 0;
  }

  #toMessage({ revision, events = [] }: WatchResponse, resumeRevision: number): WatchMessage<T> {
    if (events.length === 0) return { type: "bookmark", revision: resumeRevision };
    const changes = events.map((event) => this.#values.toChange(event));
    return { type: "changes", revision: Number(revision), changes };
  }
}
