import type { ConnectionBudget } from "./byte-budget.ts";
import type { Clock } from "./clock.ts";
import { ConnectionError, errorCodes } from "./connection-error.ts";
import {
  frameFlags,
  frameHeaderBytes,
  framePayloadMax,
  frameTypes,
  windowMax,
  writeFrameHeader,
} from "./frame-format.ts";
import type { HandlerCalls } from "./handler-calls.ts";
import type { HeaderBlockWriter } from "./header-block-writer.ts";
import type { Output } from "./output.ts";
import type { FlatHeaders, ResponseHeaders } from "./response-headers.ts";
import type { Stream } from "./stream.ts";
import type { StreamSet } from "./stream-set.ts";

export interface ResponseSenderOptions {
  readonly connection: { scheduleFlush(): void };
  readonly streams: StreamSet;
  readonly output: Output;
  readonly budget: ConnectionBudget;
  readonly calls: HandlerCalls;
  readonly clock: Clock;
  readonly headerBlocks: HeaderBlockWriter;
}

/** The window that a connection begins with (RFC 9113, section 6.9.2). */
const initialConnectionWindow = 65_535;

/** Fewer bytes than this within the stall time are no progress: a window of 1 must not keep a response alive. */
const progressBytes = 1024;

/** Below this a loop copies faster than a call out of JavaScript. */
const shortBytes = 160;

const noBytes = new Uint8Array(0);
const noMore: FlatHeaders = [];

/** Sends responses within the peer's windows (RFC 9113, sections 5.2, 6.1, 6.9 and 8.1). */
export class ResponseSender {
  readonly #options: ResponseSenderOptions;
  #window = initialConnectionWindow;
  /** Streams with queued bytes. */
  readonly waiting = new Set<Stream>();
  /** Those of them that only the connection's window or the socket holds up: they take turns, one frame each. */
  readonly #ready = new Set<Stream>();
  /** Streams whose handler is to hear that the socket takes bytes again. */
  readonly #undrained = new Set<Stream>();

  constructor(options: ResponseSenderOptions) {
    this.#options = options;
  }

  respondWhole(
    stream: Stream,
    headers: ResponseHeaders,
    bytes: Uint8Array,
    start: number,
    end: number,
    trailers: ResponseHeaders,
    more: FlatHeaders,
  ): void {
    if (stream.closed) return;
    const length = end - start;
    const { output, streams, headerBlocks } = this.#options;
    if (!this.#fitsOneFrame(stream, length)) {
      this.respond(stream, headers, more, false);
      this.write(stream, bytes, start, end);
      this.end(stream, trailers, noMore);
      return;
    }
    headerBlocks.write(stream.id, headers, more, false);
    stream.headersSent = true;
    stream.sendWindow -= length;
    this.#window -= length;
    const hasTrailers = trailers.fields.length > 0;
    this.#writeDataFrame(output, stream.id, bytes, start, end, hasTrailers ? 0 : frameFlags.endStream);
    if (hasTrailers) headerBlocks.write(stream.id, trailers, noMore, true);
    streams.finish(stream);
  }

  respond(stream: Stream, headers: ResponseHeaders, more: FlatHeaders, endStream: boolean): void {
    if (stream.closed) return;
    if (stream.headersSent) throw new Error("response headers were sent already");
    this.#options.headerBlocks.write(stream.id, headers, more, endStream);
    stream.headersSent = true;
    if (endStream) this.#options.streams.finish(stream);
  }

  /** An interim response: headers that are not the response's own. */
  informational(stream: Stream, headers: ResponseHeaders): void {
    if (!stream.closed) this.#options.headerBlocks.write(stream.id, headers, noMore, false);
  }

  write(stream: Stream, bytes: Uint8Array, start: number, end: number): boolean {
    if (stream.closed) return true;
    if (!stream.headersSent || stream.ending !== undefined)
      throw new Error("a response body outside of its response");
    const { output } = this.#options;
    let at = start;
    if (stream.queue === undefined) {
      while (at < end && output.hasRoom) {
        const length = Math.min(end - at, framePayloadMax, stream.sendWindow, this.#window);
        if (length <= 0) break;
        this.#sendData(stream, bytes, at, at + length);
        at += length;
      }
    }
    if (at < end) this.#enqueue(stream, bytes, at, end);
    if (stream.closed || (stream.queue === undefined && output.hasRoom)) return true;
    this.#undrained.add(stream);
    return false;
  }

  end(stream: Stream, trailers: ResponseHeaders, more: FlatHeaders): void {
    if (stream.closed) return;
    if (!stream.headersSent || stream.ending !== undefined)
      throw new Error("the end of a response outside of it");
    const { headerBlocks, streams, output } = this.#options;
    if (stream.queue !== undefined) {
      // Written when it is their turn: the dynamic table may be another by then.
      stream.ending = { trailers, more };
      return;
    }
    if (trailers.fields.length + more.length > 0) headerBlocks.write(stream.id, trailers, more, true);
    else this.#writeDataFrame(output, stream.id, noBytes, 0, 0, frameFlags.endStream);
    streams.finish(stream);
  }

  /** WINDOW_UPDATE of the connection. */
  addConnectionWindow(increment: number): void {
    this.#window += increment;
    if (this.#window > windowMax)
      throw new ConnectionError("flow_control_error", "connection window over 2^31-1");
    this.pump();
  }

  /** WINDOW_UPDATE of a stream. */
  addWindow(stream: Stream, increment: number): void {
    this.#changeWindow(stream, increment);
    this.pump();
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE has changed; windows may become negative (RFC 9113, section 6.9.2). Nothing is sent yet. */
  changeInitialWindow(change: number): void {
    for (const stream of this.#options.streams.all()) {
      if (stream.sendWindow + change > windowMax) {
        throw new ConnectionError("flow_control_error", "stream window over 2^31-1");
      }
      this.#changeWindow(stream, change);
    }
  }

  #changeWindow(stream: Stream, change: number): void {
    stream.sendWindow += change;
    if (stream.queue === undefined) return;
    if (stream.sendWindow > 0) this.#ready.add(stream);
    else this.#ready.delete(stream);
  }

  /** The socket takes bytes again. */
  socketDrained(): void {
    this.pump();
    this.#notifyDrained();
  }

  /** Sends what windows and socket allow, one frame of each stream in turn. */
  pump(): void {
    const { output } = this.#options;
    for (const stream of this.#ready) {
      if (this.#window <= 0 || !output.hasRoom) return;
      this.#sendQueued(stream);
    }
  }

  closed(stream: Stream): void {
    if (stream.queue !== undefined) {
      this.waiting.delete(stream);
      this.#ready.delete(stream);
    }
    if (this.#undrained.size > 0) this.#undrained.delete(stream);
  }

  #fitsOneFrame(stream: Stream, length: number): boolean {
    return (
      length <= framePayloadMax &&
      length <= stream.sendWindow &&
      length <= this.#window &&
      !stream.headersSent &&
      this.#options.output.hasRoom
    );
  }

  #enqueue(stream: Stream, bytes: Uint8Array, start: number, end: number): void {
    const { budget, connection, clock } = this.#options;
    // Before the copy: what is over the budget must not cost memory for a moment either.
    const reason = budget.take(end - start);
    if (reason !== undefined) {
      this.#options.streams.reset(stream, errorCodes.enhanceYourCalm, reason);
      return;
    }
    if (stream.queue === undefined) {
      stream.queue = [];
      stream.sendProgressAt = clock.now;
      stream.sentSinceProgress = 0;
      this.waiting.add(stream);
      if (stream.sendWindow > 0) this.#ready.add(stream);
    }
    stream.queue.push(Buffer.from(bytes.subarray(start, end)));
    stream.queuedBytes += end - start;
    connection.scheduleFlush();
  }

  /** One frame of the stream's queue. Afterwards the stream is at the end of the line, or not in it. */
  #sendQueued(stream: Stream): void {
    const queue = stream.queue as Buffer[];
    const first = queue[0] as Buffer;
    const length = Math.min(first.length, framePayloadMax, stream.sendWindow, this.#window);
    this.#ready.delete(stream);
    this.#sendData(stream, first, 0, length);
    this.#options.budget.give(length);
    stream.queuedBytes -= length;
    this.#noteProgress(stream, length);
    if (length < first.length) queue[0] = first.subarray(length);
    else queue.shift();
    if (queue.length > 0) {
      if (stream.sendWindow > 0) this.#ready.add(stream);
      return;
    }
    stream.queue = undefined;
    this.waiting.delete(stream);
    const { ending } = stream;
    stream.ending = undefined;
    if (ending !== undefined) this.end(stream, ending.trailers, ending.more);
    else this.#notifyDrained(stream);
  }

  #noteProgress(stream: Stream, bytes: number): void {
    stream.sentSinceProgress += bytes;
    if (stream.sentSinceProgress < progressBytes) return;
    stream.sentSinceProgress = 0;
    stream.sendProgressAt = this.#options.clock.now;
  }

  #notifyDrained(only?: Stream): void {
    const { output, calls } = this.#options;
    const streams = only === undefined ? [...this.#undrained] : [only];
    for (const stream of streams) {
      if (!output.hasRoom) return;
      if (stream.queue === undefined && this.#undrained.delete(stream)) calls.drain(stream);
    }
  }

  #sendData(stream: Stream, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    stream.sendWindow -= length;
    this.#window -= length;
    this.#writeDataFrame(this.#options.output, stream.id, bytes, start, end, 0);
  }

  #writeDataFrame(
    output: Output,
    id: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    flags: number,
  ): void {
    const length = end - start;
    const at = output.reserve(frameHeaderBytes + length);
    const out = output.bytes;
    writeFrameHeader(out, at, length, frameTypes.data, flags, id);
    let to = at + frameHeaderBytes;
    if (length < shortBytes) for (let from = start; from < end; from++) out[to++] = bytes[from] as number;
    else to += Buffer.prototype.copy.call(bytes, out, to, start, end);
    output.commit(to);
  }
}
