import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Peer } from "../../../security/peer.ts";
import { bodyTooLarge } from "../../call/body-too-large.ts";
import { type BodyReader, type Exchange, withAddedHeaders } from "../../call/exchange.ts";
import { overloaded } from "../../call/overloaded.ts";
import type { ConnectionBudget } from "../../http2/byte-budget.ts";
import { BodyBuffer } from "../body-buffer.ts";
import { headerOf } from "../incoming-headers.ts";
import { peerOf } from "../peer-of.ts";
import type { Http1Connection } from "./http1-connection.ts";

// How much of a refused body is read and thrown away, and for how long, so that the client gets to read the response.
const lingerBytesMax = 16 * 1024 * 1024;
const lingerMs = 5000;
/** The rest of a refused body that was announced with up to this length is read for the sake of the next request. */
const shortBodyBytesMax = 64 * 1024;

/** A larger body is written in pieces, so that a client that takes some of it is seen to make progress. */
const pieceBytes = 64 * 1024;
/** What one response may have waiting for the socket without being counted. */
const uncountedBytesMax = 16 * 1024;

const empty = Buffer.alloc(0);

/** A request of Node's HTTP/1.1 server and its response. */
export class Http1Exchange implements Exchange {
  readonly httpVersion = 1;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Http1Connection;
  #added: Record<string, string> | undefined = undefined;
  #reader: BodyReader | undefined = undefined;
  /** The only part of a body. */
  #whole: Buffer | undefined = undefined;
  /** What has come of a body in parts. */
  #body: BodyBuffer | undefined = undefined;
  #bytes = 0;
  /** Bytes that are in the budget until the response is over, and the most that has waited for the socket. */
  #held = 0;
  #isHeld = false;
  #unsent = 0;

  constructor(request: IncomingMessage, response: ServerResponse, connection: Http1Connection) {
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
  }

  get encrypted(): boolean {
    return "encrypted" in this.#request.socket;
  }
  get peer(): Peer {
    return peerOf(this.#request.socket);
  }
  get budget(): ConnectionBudget {
    return this.#connection.budget;
  }
  get method(): string {
    return this.#request.method ?? "";
  }
  get target(): string {
    return this.#request.url ?? "";
  }
  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }
  header(name: string): string | undefined {
    return headerOf(this.#request.headers, name);
  }
  get hasBody(): boolean {
    const { headers } = this.#request;
    return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
  }
  get headersSent(): boolean {
    return this.#response.headersSent;
  }
  get gone(): boolean {
    return this.#response.closed;
  }

  whenGone(callback: () => void): void {
    if (this.gone) callback();
    else this.#response.once("close", callback);
  }

  whenEnding(callback: () => void): void {
    const { onEnding } = this.#connection;
    onEnding.add(callback);
    this.whenGone(() => onEnding.delete(callback));
  }

  readBody(bytesMax: number, reader: BodyReader): void {
    const request = this.#request;
    this.#reader = reader;
    const contentLength = Number(request.headers["content-length"] ?? bytesMax);
    request.on("data", (chunk: Buffer) => {
      if (this.#reader === undefined) return;
      this.#bytes += chunk.length;
      if (this.#bytes > bytesMax) this.#dropBody()?.fail(bodyTooLarge(bytesMax));
      // Passed on at once, uncopied.
      else if (request.complete && this.#bytes === chunk.length) this.#whole = chunk;
      else if (!this.#append(chunk, contentLength)) this.#dropBody()?.fail(overloaded());
    });
    request.on("end", () => {
      const body = this.#whole ?? this.#body?.take() ?? empty;
      this.#dropBody()?.receive(body, 0, body.length);
    });
    // Node throws the errors of a stream that nobody listens to.
    request.on("error", () => this.#dropBody()?.abandon());
    if (contentLength > bytesMax) this.#dropBody()?.fail(bodyTooLarge(bytesMax));
  }

  /** False: there is no room. */
  #append(chunk: Buffer, bytesMax: number): boolean {
    const body = (this.#body ??= new BodyBuffer(this, bytesMax));
    const first = this.#whole;
    this.#whole = undefined;
    if (first !== undefined && !body.append(first, 0, first.length)) return false;
    return body.append(chunk, 0, chunk.length);
  }

  /** Node keeps a request, and with it its listeners, longer than the call. */
  #dropBody(): BodyReader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#whole = this.#body = undefined;
    return reader;
  }

  /** Unread, Node would keep 64 KiB of it, and 200 bytes for each chunk of one byte. */
  dropBody(): void {
    this.#request.resume();
  }

  async *body(): AsyncGenerator<Buffer, void, undefined> {
    try {
      // Leaving a stream destroys it, as a rule. Node then never reads on, but keeps the connection: the next request on
      // it would wait for ever.
      for await (const part of this.#request.iterator({ destroyOnReturn: false })) {
        const { length } = part as Buffer;
        if (!this.hold(length)) throw overloaded();
        yield part as Buffer;
        this.release(length);
      }
    } finally {
      this.#request.resume();
    }
  }

  addHeader(name: string, value: string): void {
    (this.#added ??= {})[name] = value;
  }

  respond(status: number, headers: OutgoingHttpHeaders, body: string | Uint8Array): void {
    const response = this.#response;
    if (this.gone || response.headersSent) return;
    this.#dropBody();
    const all = withAddedHeaders(headers, this.#added);
    // The headers of 304 describe a response that is not sent: a length would be wrong.
    if (status !== 304 && status !== 204)
      all["content-length"] = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const isUnread = this.#hasLongRest;
    if (isUnread) all["connection"] = "close";
    response.writeHead(status, all);
    const isBare = this.method === "HEAD" || status === 304 || status === 204;
    if (isUnread) this.#linger(isBare ? "" : body);
    else if (isBare) response.end();
    else if (body.length <= pieceBytes) response.end(body);
    else this.#endInPieces(typeof body === "string" ? Buffer.from(body) : body);
    this.#countUnsent();
  }

  /** Whether more of the body may come than is worth reading. */
  get #hasLongRest(): boolean {
    const { complete, headers } = this.#request;
    if (complete || !this.hasBody) return false;
    // A client that was told nothing may send the body or the next request.
    if (headers.expect !== undefined) return true;
    const length = headers["content-length"];
    return length === undefined || Number(length) > shortBodyBytesMax;
  }

  #endInPieces(body: Uint8Array): void {
    const response = this.#response;
    let left = body;
    const writeMore = (): void => {
      while (left.length > pieceBytes) {
        const piece = left.subarray(0, pieceBytes);
        left = left.subarray(pieceBytes);
        if (response.write(piece)) continue;
        response.once("drain", writeMore);
        return;
      }
      response.end(left);
    };
    writeMore();
    if (!response.writableEnded) this.#holdUnsent(left.length);
  }

  hold(bytes: number): boolean {
    const reason = this.#hold(bytes);
    if (reason !== undefined) this.#connection.count(reason);
    return reason === undefined;
  }

  release(bytes: number): void {
    if (this.gone) return;
    this.budget.give(bytes);
    this.#held -= bytes;
  }

  /** Counts what the socket has not taken; in a pipeline, also what waits for the responses before it. */
  #countUnsent(): void {
    const { writableLength } = this.#response;
    if (writableLength <= Math.max(uncountedBytesMax, this.#unsent)) return;
    const added = writableLength - this.#unsent;
    this.#unsent = writableLength;
    this.#holdUnsent(added);
  }

  /** A response that has begun can only be cut off when there is no room. */
  #holdUnsent(bytes: number): void {
    const reason = this.#hold(bytes);
    if (reason !== undefined) this.#connection.end(reason);
  }

  /** Counts `bytes` more until the response is over. Returns the budget that has no room; nothing is counted then. */
  #hold(bytes: number): "connection_bytes" | "total_bytes" | undefined {
    const { budget } = this.#connection;
    const response = this.#response;
    if (response.closed) return undefined;
    const reason = budget.take(bytes);
    if (reason !== undefined) return reason;
    if (!this.#isHeld) {
      this.#isHeld = true;
      response.once("close", () => {
        budget.give(this.#held);
        this.#held = 0;
      });
    }
    this.#held += bytes;
    return undefined;
  }

  /**
   * Sends the body of the response, then reads on for a while before the connection goes: closing with unread bytes makes a
   * reset, and a client that is still sending would see that in place of the response.
   */
  #linger(body: string | Uint8Array): void {
    const request = this.#request;
    let left = lingerBytesMax;
    const finish = (): void => {
      clearTimeout(timer);
      request.off("data", count);
      this.#response.end();
    };
    const count = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left < 0) finish();
    };
    const timer = setTimeout(finish, lingerMs);
    this.#response.flushHeaders();
    if (body.length > 0) this.#response.write(body);
    request.on("data", count);
    request.once("end", finish);
    request.once("close", finish);
    request.resume();
  }

  begin(status: number, headers: OutgoingHttpHeaders): void {
    if (!this.gone) this.#response.writeHead(status, withAddedHeaders(headers, this.#added));
  }

  write(part: string | Uint8Array): boolean {
    if (this.gone || this.method === "HEAD" || this.#response.write(part)) return true;
    this.#countUnsent();
    return false;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      const response = this.#response;
      if (this.gone) return resolve();
      const settle = (): void => {
        response.off("drain", settle);
        response.off("close", settle);
        resolve();
      };
      response.once("drain", settle);
      response.once("close", settle);
    });
  }

  end(trailers?: OutgoingHttpHeaders): void {
    if (this.gone) return;
    if (trailers !== undefined) this.#response.addTrailers(trailers);
    this.#response.end();
  }

  abort(): void {
    this.#response.destroy();
  }
}
