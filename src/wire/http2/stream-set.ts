import type { ConnectionBudget } from "./byte-budget.ts";
import { errorCodes } from "./connection-error.ts";
import type { EndReason } from "./end-reasons.ts";
import type { FloodLimit } from "./flood-limit.ts";
import type { HandlerCalls } from "./handler-calls.ts";
import type { Output } from "./output.ts";
import { ResetStreams } from "./reset-streams.ts";
import type { Stream } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

export interface StreamSetOptions {
  readonly output: Output;
  readonly budget: ConnectionBudget;
  readonly floods: FloodLimit;
  readonly calls: HandlerCalls;
  readonly onEnd: (reason: EndReason) => void;
  /** A stream is closed: what the connection still holds for it is released. */
  readonly onClosed: (stream: Stream) => void;
}

/** The streams of a connection: which are open, and how they end (RFC 9113, sections 5.1 and 5.4.2). */
export class StreamSet {
  readonly #options: StreamSetOptions;
  readonly #table = new StreamTable();
  readonly #reset = new ResetStreams();
  /** The highest stream that was opened. */
  lastId = 0;
  /** After the last GOAWAY: streams above `lastId` are ignored. */
  refusesNew = false;

  constructor(options: StreamSetOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#table.size;
  }

  find(id: number): Stream | undefined {
    return this.#table.get(id);
  }

  all(): Stream[] {
    return this.#table.all();
  }

  open(stream: Stream): void {
    this.#table.add(stream);
  }

  /** No frame has opened this stream, and none has been ignored. */
  isIdle(id: number): boolean {
    return (id & 1) === 0 || (id > this.lastId && !this.refusesNew);
  }

  /** Frames of this stream may still be on the way, and mean nothing. */
  isIgnored(id: number): boolean {
    return id > this.lastId ? this.refusesNew : this.#reset.has(id);
  }

  /** The response is complete. */
  finish(stream: Stream): void {
    if (!stream.requestEnded) {
      // Section 8.1: the client need not send the rest.
      this.#reset.add(stream.id);
      this.#options.output.resetStream(stream.id, errorCodes.noError);
    }
    this.#close(stream);
  }

  /** Sends RST_STREAM and tells the handler. */
  reset(stream: Stream, code: number, reason: EndReason): void {
    if (stream.closed) return;
    this.#reset.add(stream.id);
    this.#options.output.resetStream(stream.id, code);
    this.abort(stream, reason);
  }

  /** The same for a fault of the client's: it counts as a reset of its own (CVE-2025-8671). */
  resetForFault(stream: Stream, code: number, reason: EndReason): void {
    this.reset(stream, code, reason);
    this.#options.floods.count();
  }

  /** Refuses a stream that was not opened, or is closed. */
  refuse(id: number, code: number, reason: EndReason): void {
    this.#reset.add(id);
    this.#options.output.resetStream(id, code);
    this.#options.onEnd(reason);
    this.#options.floods.count();
  }

  /** Closes the stream without a frame and tells the handler. */
  abort(stream: Stream, reason: EndReason): void {
    if (stream.closed) return;
    this.#close(stream);
    this.#options.onEnd(reason);
    this.#options.calls.abort(stream, reason);
  }

  /** Asks the handlers of all open streams to end them. */
  endAll(): void {
    for (const stream of this.all()) this.#options.calls.ending(stream);
  }

  abortAll(reason: EndReason): void {
    for (const stream of this.all()) this.abort(stream, reason);
  }

  #close(stream: Stream): void {
    stream.closed = true;
    this.#table.remove(stream);
    this.#options.onClosed(stream);
    const held = stream.held + stream.queuedBytes;
    if (held > 0) this.#options.budget.give(held);
    stream.held = 0;
    stream.queuedBytes = 0;
    stream.queue = undefined;
    stream.ending = undefined;
  }
}
