import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { bodyTooLarge } from "../../call/body-too-large.ts";
import { type BodyReader, type Exchange, withAddedHeaders } from "../../call/exchange.ts";

// How much of a refused body is read and thrown away, and for how long, so that the client gets to read the response.
const lingerBytesMax = 16 * 1024 * 1024;
const lingerMs = 5000;

const empty = Buffer.alloc(0);

/** A request of Node's HTTP/1.1 server and its response. */
export class Http1Exchange implements Exchange {
  readonly httpVersion = 1;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #stallMs: number;
  #added: Record<string, string> | undefined = undefined;
  #reader: BodyReader | undefined = undefined;
  #first: Buffer | undefined = undefined;
  #chunks: Buffer[] | undefined = undefined;
  #bytes = 0;
  #wantsBody = false;

  /** A client that takes nothing of a response for `stallMs` is disconnected. */
  constructor(request: IncomingMessage, response: ServerResponse, stallMs: number) {
    this.#request = request;
    this.#response = response;
    this.#stallMs = stallMs;
  }

  get encrypted(): boolean {
    return "encrypted" in this.#request.socket;
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

  readBody(bytesMax: number, reader: BodyReader): void {
    const request = this.#request;
    this.#wantsBody = true;
    this.#reader = reader;
    request.on("data", (chunk: Buffer) => {
      if (this.#reader === undefined) return;
      this.#bytes += chunk.length;
      if (this.#first === undefined) this.#first = chunk;
      else (this.#chunks ??= [this.#first]).push(chunk);
      if (this.#bytes > bytesMax) this.#dropBody()?.fail(bodyTooLarge(bytesMax));
    });
    request.on("end", () => {
      const body =
        this.#chunks === undefined ? (this.#first ?? empty) : Buffer.concat(this.#chunks, this.#bytes);
      this.#dropBody()?.receive(body, 0, body.length);
    });
    // Node throws the errors of a stream that nobody listens to.
    request.on("error", () => this.#dropBody()?.abandon());
    if (Number(request.headers["content-length"]) > bytesMax) this.#dropBody()?.fail(bodyTooLarge(bytesMax));
  }

  /** Node keeps a request, and with it its listeners, longer than the call. */
  #dropBody(): BodyReader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#first = this.#chunks = undefined;
    return reader;
  }

  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#wantsBody = true;
    try {
      // Leaving a stream destroys it, as a rule. Node then never reads on, but keeps the connection: the next request on
      // it would wait for ever.
      yield* this.#request.iterator({ destroyOnReturn: false });
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
    // 304 tells the length of nothing: its headers stand for a response that is not sent.
    if (status !== 304 && status !== 204)
      all["content-length"] = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const isUnread = this.#wantsBody && !this.#request.complete;
    if (isUnread) all["connection"] = "close";
    response.writeHead(status, all);
    const isBare = this.method === "HEAD" || status === 304 || status === 204;
    if (isUnread) this.#linger(isBare ? "" : body);
    else if (isBare) response.end();
    else response.end(body);
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
    this.#response.write(body);
    request.on("data", count);
    request.once("end", finish);
    request.once("close", finish);
    request.resume();
  }

  begin(status: number, headers: OutgoingHttpHeaders): void {
    if (!this.gone) this.#response.writeHead(status, withAddedHeaders(headers, this.#added));
  }

  write(part: string | Uint8Array): boolean {
    return this.gone || this.method === "HEAD" || this.#response.write(part);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      const response = this.#response;
      if (this.gone) return resolve();
      const settle = (): void => {
        clearTimeout(timer);
        response.off("drain", settle);
        response.off("close", settle);
        resolve();
      };
      const timer = setTimeout(() => response.destroy(), this.#stallMs);
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
