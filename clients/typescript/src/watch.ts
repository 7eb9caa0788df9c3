import { isTransient } from "./call-outcome.ts";
import type { Caller } from "./caller.ts";
import { createError, DuetError } from "./errors.ts";
import type { Entry, Watch, WatchMessage, WatchOptions } from "./kv.ts";
import type { WatchResponse } from "./messages.ts";
import { pause } from "./pause.ts";
import type { Values } from "./values.ts";

/** The service sends a heartbeat every 15 s. Two may be lost. */
const silenceMs = 35_000;

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
          for await (const message of this.#receive()) {
            failures = 0;
            yield message;
          }
        } catch (error) {
          if (this.#signal.aborted) return;
          if (!(error instanceof DuetError)) throw error;
          if (error.reason === "REVISION_COMPACTED" && this.#mayReset) this.#needsReset = true;
          else if (!mayGoOn(error)) throw error;
          this.state = "stale";
          this.#caller.onEvent({ type: "watch-interrupted", error, resumeRevision: this.resumeRevision });
        }
        this.#caller.useNextServer();
        await pause(this.#caller.backoffMs(++failures), this.#signal);
      }
    } finally {
      this.state = "ended";
    }
  }

  /** The messages of one stream. Throws DuetError, also when the server ended it. */
  async *#receive(): AsyncGenerator<WatchMessage<T>, void, undefined> {
    const start = this.#needsReset ? { includeExisting: true } : { startRevision: this.resumeRevision };
    const request = { ...this.#request, ...start, previous: this.#previous };
    const silence = new Silence(this.#signal);
    let existing: Entry<T>[] = [];
    try {
      const responses = this.#caller.stream<WatchResponse>("Watch", request, silence.signal);
      for await (const response of silence.bound(responses)) {
        this.state = "live";
        for (const entry of response.existing ?? []) existing.push(this.#values.toEntry(entry));
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
      }
    } catch (error) {
      if (silence.isOver) throw lost(`no message for ${silenceMs / 1000} s`);
      throw error;
    } finally {
      silence.end();
    }
    throw lost("the server ended the watch");
  }

  #toMessage({ revision, events = [] }: WatchResponse, resumeRevision: number): WatchMessage<T> {
    if (events.length === 0) return { type: "bookmark", revision: resumeRevision };
    const changes = events.map((event) => this.#values.toChange(event));
    return { type: "changes", revision: Number(revision), changes };
  }
}

function mayGoOn(error: DuetError): boolean {
  const codes = ["deadline_exceeded", "internal", "unknown", "canceled"];
  return isTransient(error) || error.reason === "WATCHER_TOO_SLOW" || codes.includes(error.code);
}

function lost(message: string): DuetError {
  return createError({ code: "unavailable", reason: "", message, outcome: "nothing", metadata: {} });
}

/** Ends a stream that is silent while its reader waits: a connection can be dead without an error. */
class Silence {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  isOver = false;

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
  }

  async *bound<Message>(messages: AsyncIterable<Message>): AsyncGenerator<Message, void, undefined> {
    this.#begin();
    for await (const message of messages) {
      this.end();
      yield message;
      this.#begin();
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #begin(): void {
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, silenceMs);
  }
}
