import type { Socket } from "node:net";
import type { ConnectionBudget } from "./byte-budget.ts";
import { errorCodes } from "./connection-error.ts";
import type { EndReason } from "./end-reasons.ts";
import type { HeaderList } from "./header-list.ts";
import { type FlatHeaders, noTrailers, type ResponseHeaders } from "./response-headers.ts";
import type { StreamHandler } from "./stream-handler.ts";

const noHeaders: FlatHeaders = [];

/** The parts of a connection that do what a stream is told. See the methods of Stream. */
export interface StreamConnection {
  readonly socket: Socket;
  readonly budget: ConnectionBudget;
  readonly receiver: {
    consume(stream: Stream, bytes: number): void;
    hold(stream: Stream, bytes: number): boolean;
    release(stream: Stream, bytes: number): void;
  };
  readonly sender: {
    respond(stream: Stream, headers: ResponseHeaders, more: FlatHeaders, isEnd: boolean): void;
    respondWhole(
      stream: Stream,
      headers: ResponseHeaders,
      bytes: Uint8Array,
      start: number,
      end: number,
      trailers: ResponseHeaders,
      more: FlatHeaders,
    ): void;
    write(stream: Stream, bytes: Uint8Array, start: number, end: number): boolean;
    end(stream: Stream, trailers: ResponseHeaders, more: FlatHeaders): void;
  };
  readonly streams: { reset(stream: Stream, code: number, reason: EndReason): void };
}

/**
 * One request and its response (RFC 9113, sections 5.1 and 8.1). A plain object: no events, no timers, no signal. All
 * methods may be called at any time; once the stream is closed they do nothing.
 */
export class Stream {
  readonly id: number;
  readonly connection: StreamConnection;
  /** The same object for requests with equal headers. */
  readonly headers: HeaderList;
  /** The value of the header that `varyingHeader` of the server's options names. */
  readonly varying: string | undefined;
  /** Set by `onStream`. Without one the rest of the request is dropped. */
  handler: StreamHandler | undefined = undefined;
  /** Whether the client has sent everything. */
  requestEnded: boolean;
  headersSent = false;
  /** Whether the stream is over, by its response or before it. */
  closed = false;

  // What follows is kept by RequestReceiver: window, credit not yet announced, bytes not yet consumed, bytes held, body
  // bytes received, when the request began, when bytes came last.
  receiveWindow: number;
  receiveCredit = 0;
  unread = 0;
  held = 0;
  received = 0;
  readonly openedAt: number;
  receiveProgressAt: number;

  // And by ResponseSender: window, bytes waiting for it, the end that waits for them, when bytes were sent last.
  sendWindow: number;
  queue: Buffer[] | undefined = undefined;
  queuedBytes = 0;
  ending: { readonly trailers: ResponseHeaders; readonly more: FlatHeaders } | undefined = undefined;
  sendProgressAt = 0;
  sentSinceProgress = 0;

  constructor(
    id: number,
    connection: StreamConnection,
    headers: HeaderList,
    varying: string | undefined,
    requestEnded: boolean,
    receiveWindow: number,
    sendWindow: number,
    now: number,
  ) {
    this.id = id;
    this.connection = connection;
    this.headers = headers;
    this.varying = varying;
    this.requestEnded = requestEnded;
    this.receiveWindow = receiveWindow;
    this.sendWindow = sendWindow;
    this.openedAt = now;
    this.receiveProgressAt = now;
  }

  /** `bytes` more bytes of the request body are done with, or copied: the client may send as many more. */
  consume(bytes: number): void {
    this.connection.receiver.consume(this, bytes);
  }

  /**
   * Counts `bytes` more that the handler holds until the stream is closed. Returns false, with nothing counted, when a budget
   * has no room for them: the handler should refuse the request. True once the stream is closed.
   */
  hold(bytes: number): boolean {
    return this.connection.receiver.hold(this, bytes);
  }

  /** Counts `bytes` of what the handler holds no longer. */
  release(bytes: number): void {
    this.connection.receiver.release(this, bytes);
  }

  /**
   * Sends response headers: those made beforehand, then `more`. Throws RangeError for an invalid name or value.
   */
  respond(headers: ResponseHeaders, more: FlatHeaders = noHeaders): void {
    this.connection.sender.respond(this, headers, more, false);
  }

  /** Sends response headers as the whole response. Throws RangeError for an invalid name or value. */
  respondAndEnd(headers: ResponseHeaders, more: FlatHeaders = noHeaders): void {
    this.connection.sender.respond(this, headers, more, true);
  }

  /**
   * Sends a whole response: headers, the body `bytes[start, end)`, which is copied at once, and trailers. The cheapest way
   * to respond. Throws RangeError for an invalid name or value in `more`.
   */
  respondWhole(
    headers: ResponseHeaders,
    bytes: Uint8Array,
    start: number,
    end: number,
    trailers: ResponseHeaders = noTrailers,
    more: FlatHeaders = noHeaders,
  ): void {
    this.connection.sender.respondWhole(this, headers, bytes, start, end, trailers, more);
  }

  /**
   * Sends a part of the response body, `bytes[start, end)`, which is copied at once. Returns false when the client or
   * the socket takes no more for now: the handler should wait for `onDrain`.
   */
  write(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    return this.connection.sender.write(this, bytes, start, end);
  }

  /** Ends the response, with trailers or without. Throws RangeError for an invalid name or value. */
  end(trailers: ResponseHeaders = noTrailers, more: FlatHeaders = noHeaders): void {
    this.connection.sender.end(this, trailers, more);
  }

  /** Closes the stream with RST_STREAM. `onAbort` is called with "handler_reset". */
  reset(code: number = errorCodes.cancel): void {
    this.connection.streams.reset(this, code, "handler_reset");
  }
}
