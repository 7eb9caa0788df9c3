import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type ByteBudget, ConnectionBudget } from "../../http2/byte-budget.ts";
import { StallTimer } from "../../http2/stall-timer.ts";
import type { ListenerLimits } from "../limits.ts";

/** Why the server ended a connection of HTTP/1.1. The words are those of HTTP/2, where it has the same reason. */
export type Http1EndReason =
  // The peer broke the protocol, or sent headers over the limit.
  | "malformed_request"
  | "header_list_too_large"
  // The peer took too long.
  | "header_timeout"
  | "body_timeout"
  | "body_stalled"
  | "response_stalled"
  // The peer no longer acknowledges anything.
  | "peer_vanished"
  // The bytes that it makes us hold are over a budget.
  | "connection_bytes"
  | "total_bytes"
  // Nobody is to blame.
  | "idle"
  | "age"
  | "drain_timeout";

export interface Http1ConnectionOptions {
  readonly limits: ListenerLimits;
  readonly budget: ByteBudget;
  readonly onEnd: (reason: Http1EndReason) => void;
}

export type HandleRequest = (request: IncomingMessage, response: ServerResponse) => void;

/** About what a request in a pipeline that waits behind another one holds, besides its target, headers and body. */
const pipelinedBytes = 4096;

/** RFC 9110, section 9.2.1. */
const safeMethods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

const statusLines: Partial<Record<Http1EndReason, string>> = {
  malformed_request: "400 Bad Request",
  header_list_too_large: "431 Request Header Fields Too Large",
  header_timeout: "408 Request Timeout",
  body_timeout: "408 Request Timeout",
  body_stalled: "408 Request Timeout",
};

/** What the server keeps about one connection of Node's HTTP/1.1 server: what it holds, and since when it waits. */
export class Http1Connection {
  readonly socket: Socket;
  readonly budget: ConnectionBudget;
  /** Past its age: the next response ends it. */
  isOld = false;
  /** Called when the calls of the connection are to end. */
  readonly onEnding = new Set<() => void>();
  #isOver = false;
  /** Whether the headers of a request are over their time, which does not count while nobody reads them. */
  #isLate = false;
  readonly #options: Http1ConnectionOptions;
  readonly #oldAt: number;
  readonly #heading = new StallTimer();
  readonly #receiving = new StallTimer();
  readonly #sending = new StallTimer();
  /** Of the request that came last; its response may wait for others. */
  #request: IncomingMessage | undefined = undefined;
  #response: ServerResponse | undefined = undefined;
  /** Whether all requests whose responses are under way are safe. */
  #areSafe = true;

  constructor(socket: Socket, options: Http1ConnectionOptions, now: number) {
    this.socket = socket;
    this.#options = options;
    const { connectionBytesMax, ageMs } = options.limits;
    this.budget = new ConnectionBudget(options.budget, connectionBytesMax);
    const jitter = 0.9 + 0.2 * Math.random();
    this.#oldAt = ageMs > 0 ? now + ageMs * jitter : Number.POSITIVE_INFINITY;
  }

  /**
   * The headers of a request have come. In a pipeline it counts as held; one that has no room ends the connection. Calls
   * `handle` when the request is to be handled: at once, or in a pipeline with a request that is not safe, after the response
   * to the request before (RFC 9112, section 9.3.2). Otherwise a write could overtake another one, and a read a write.
   */
  begin(request: IncomingMessage, response: ServerResponse, handle: HandleRequest): void {
    if (this.#isOver) return;
    const isSafe = safeMethods.has(request.method);
    const before = this.isResponding ? this.#response : undefined;
    if (before !== undefined) {
      const { url = "", rawHeaders } = request;
      const bytes = rawHeaders.reduce((sum, { length }) => sum + length, pipelinedBytes + url.length);
      const reason = this.budget.take(bytes);
      if (reason !== undefined) return this.end(reason);
      response.once("close", () => this.budget.give(bytes));
    }
    this.#request = request;
    this.#response = response;
    this.#isLate = false;
    const mustWait = before !== undefined && !(isSafe && this.#areSafe);
    this.#areSafe = isSafe && !mustWait;
    if (!mustWait) return handle(request, response);
    before.once("close", () => {
      // After the last response of the connection, and when the client has gone, nobody would get the response.
      if (this.socket.writable) handle(request, response);
    });
  }

  /**
   * The time for the headers of a request is over, which Node tells once. It pauses a pipeline whose responses wait, maybe
   * within headers that have come long ago: then they get their time again when Node reads on.
   */
  headersExpired(): void {
    if (this.socket.isPaused()) this.#isLate = true;
    else this.end("header_timeout");
  }

  /** Whether the body of a request has not come completely. */
  get isReceiving(): boolean {
    return this.#request?.complete === false;
  }

  /** Whether a response is under way. */
  get isResponding(): boolean {
    return this.#response?.closed === false;
  }

  /** Counts something that ended early. */
  count(reason: Http1EndReason): void {
    this.#options.onEnd(reason);
  }

  /** Looks at the times. */
  sweep(now: number): void {
    const { socket } = this;
    const { headersMs, stallMs, ageGraceMs, endingMs } = this.#options.limits;
    const { bytesWritten, writableLength } = socket;
    const sent = writableLength > 0 ? bytesWritten - writableLength : undefined;
    if (this.#sending.elapsed(sent, now) >= stallMs) return this.end("response_stalled");
    const isLate = this.#isLate && !socket.isPaused();
    if (this.#heading.elapsed(isLate ? 0 : undefined, now) >= headersMs) return this.end("header_timeout");
    // A client that waits for us to read is not to blame.
    const isAwaited = this.isReceiving && this.#request?.readableLength === 0;
    if (this.#receiving.elapsed(isAwaited ? socket.bytesRead : undefined, now) >= stallMs)
      return this.end("body_stalled");
    if (now < this.#oldAt) return;
    if (!this.isOld) this.#options.onEnd("age");
    this.isOld = true;
    if (now < this.#oldAt + ageGraceMs) return;
    for (const callback of this.onEnding) callback();
    this.onEnding.clear();
    if (now >= this.#oldAt + ageGraceMs + endingMs) this.end("drain_timeout");
  }

  /**
   * Closes the connection and counts it, with a response of a status alone where nothing has been sent yet. `response` is that
   * of the request which is to blame; default: of the one that is being received.
   */
  end(reason: Http1EndReason, response?: ServerResponse): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onEnd(reason);
    const status = statusLines[reason];
    if (status !== undefined && this.#mayRespond(response))
      this.socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    this.socket.destroy();
  }

  #mayRespond(blamed: ServerResponse | undefined): boolean {
    const response = this.#response;
    if (!this.socket.writable) return false;
    if (response === undefined || response.closed) return true;
    // Behind a complete request, the status would be taken for its response.
    const isBlamed = response === blamed || this.isReceiving;
    return isBlamed && response.socket === this.socket && !response.headersSent;
  }
}
