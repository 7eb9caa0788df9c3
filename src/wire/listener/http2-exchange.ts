import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Peer } from "../../security/peer.ts";
import { bodyTooLarge } from "../call/body-too-large.ts";
import { type BodyReader, type Exchange, withAddedHeaders } from "../call/exchange.ts";
import { overloaded } from "../call/overloaded.ts";
import type { ConnectionBudget } from "../http2/byte-budget.ts";
import { errorCodes } from "../http2/connection-error.ts";
import { type FlatHeaders, noTrailers, ResponseHeaders } from "../http2/response-headers.ts";
import type { Stream } from "../http2/stream.ts";
import type { StreamHandler } from "../http2/stream-handler.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { httpDate } from "./http-date.ts";
import { headerOf, toIncomingHeaders } from "./incoming-headers.ts";
import { peerOf } from "./peer-of.ts";

/** The header whose value differs from call to call; see `varyingHeader` of the HTTP/2 server. */
export const varyingHeader = "grpc-timeout";

/** A body of one part up to this length counts with its stream: reads are served even while larger requests are refused. */
const uncountedBytesMax = 1024;

/** Larger texts are encoded into a buffer of their own. */
const scratchBytesMax = 4 * 1024 * 1024;
const unitBytesMax = 3;

/** Texts are encoded here, and copied from here into frames or queues at once: responses over a budget leave no garbage. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);

const noBytes = Buffer.alloc(0);

/** The text in UTF-8, valid until the next call. */
function encodeText(text: string): Uint8Array {
  if (text.length * unitBytesMax > scratch.length) {
    const bytes = Buffer.byteLength(text);
    if (bytes > scratchBytesMax) return Buffer.from(text);
    if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(scratchBytesMax);
  }
  return scratch.subarray(0, scratch.write(text));
}

/** A stream of our own HTTP/2 as an exchange. */
export class Http2Exchange implements Exchange, StreamHandler {
  readonly httpVersion = 2;
  readonly stream: Stream;
  #headers: IncomingHttpHeaders | undefined = undefined;
  #added: Record<string, string> | undefined = undefined;
  #reader: BodyReader | undefined = undefined;
  #bytesMax = 0;
  /** What has come of a body in parts. */
  #body: BodyBuffer | undefined = undefined;
  /** Whether `body` passes the parts on. */
  #iterates = false;
  #isOverloaded = false;
  #wake: (() => void) | undefined = undefined;
  #onGone: (() => void)[] | undefined = undefined;
  #onEnding: (() => void)[] | undefined = undefined;
  #onDrained: (() => void) | undefined = undefined;

  constructor(stream: Stream) {
    this.stream = stream;
    stream.handler = this;
  }

  get encrypted(): boolean {
    return "encrypted" in this.stream.connection.socket;
  }
  get peer(): Peer {
    return peerOf(this.stream.connection.socket);
  }
  get budget(): ConnectionBudget {
    return this.stream.connection.budget;
  }
  get method(): string {
    return this.stream.headers.method as string;
  }
  get target(): string {
    return this.stream.headers.path as string;
  }
  get headers(): IncomingHttpHeaders {
    if (this.#headers !== undefined) return this.#headers;
    const { headers, varying } = this.stream;
    const shared = toIncomingHeaders(headers);
    this.#headers = varying === undefined ? shared : { ...shared, [varyingHeader]: varying };
    return this.#headers;
  }
  header(name: string): string | undefined {
    const { headers, varying } = this.stream;
    if (name === varyingHeader && varying !== undefined) return varying;
    return headerOf(toIncomingHeaders(headers), name);
  }
  get hasBody(): boolean {
    return !this.stream.requestEnded;
  }
  get headersSent(): boolean {
    return this.stream.headersSent;
  }
  get gone(): boolean {
    return this.stream.closed;
  }

  whenGone(callback: () => void): void {
    if (this.gone) callback();
    else (this.#onGone ??= []).push(callback);
  }

  whenEnding(callback: () => void): void {
    (this.#onEnding ??= []).push(callback);
  }

  hold(bytes: number): boolean {
    return this.stream.hold(bytes);
  }

  release(bytes: number): void {
    this.stream.release(bytes);
  }

  readBody(bytesMax: number, reader: BodyReader): void {
    const { contentLength } = this.stream.headers;
    if (contentLength > bytesMax) return reader.fail(bodyTooLarge(bytesMax));
    this.#bytesMax = bytesMax;
    this.#reader = reader;
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#iterates) {
      // Consumed when they are read.
      const body = (this.#body ??= this.#newBody(Number.POSITIVE_INFINITY));
      if (!this.#isOverloaded) this.#isOverloaded = !body.append(bytes, start, end);
      this.#wake?.();
      return;
    }
    // Decoded at once, copied or dropped.
    this.stream.consume(end - start);
    if (this.#reader !== undefined) this.#receive(bytes, start, end);
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const bytesMax = this.#bytesMax;
    if (this.stream.requestEnded && this.#body === undefined) {
      if (length > bytesMax) this.#takeReader()?.fail(bodyTooLarge(bytesMax));
      // Before the handler is called: a write that is refused must not be done.
      else if (length > uncountedBytesMax && !this.hold(length)) this.#takeReader()?.fail(overloaded());
      else this.#takeReader()?.receive(bytes, start, end);
      return;
    }
    const body = (this.#body ??= this.#newBody(bytesMax));
    if (body.length + length > bytesMax) this.#takeReader()?.fail(bodyTooLarge(bytesMax));
    else if (!body.append(bytes, start, end)) this.#takeReader()?.fail(overloaded());
  }

  #newBody(bytesMax: number): BodyBuffer {
    const { contentLength } = this.stream.headers;
    return new BodyBuffer(this, contentLength < 0 ? bytesMax : contentLength);
  }

  onEnd(): void {
    this.#wake?.();
    if (this.#reader === undefined) return;
    const body = this.#body?.take() ?? noBytes;
    this.#takeReader()?.receive(body, 0, body.length);
  }

  onAbort(): void {
    this.#takeReader()?.abandon();
    for (const callback of this.#onGone ?? []) callback();
    this.#onGone = undefined;
    this.#wake?.();
    this.onDrain();
  }

  onEnding(): void {
    for (const callback of this.#onEnding ?? []) callback();
    this.#onEnding = undefined;
  }

  onDrain(): void {
    const resolve = this.#onDrained;
    this.#onDrained = undefined;
    resolve?.();
  }

  #takeReader(): BodyReader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#body = undefined;
    return reader;
  }

  /** `onData` does so without a reader. */
  dropBody(): void {}

  body(): AsyncIterable<Buffer> {
    this.#iterates = true;
    return this.#readParts();
  }

  async *#readParts(): AsyncGenerator<Buffer, void, undefined> {
    const { stream } = this;
    try {
      for (;;) {
        if (this.#isOverloaded) throw overloaded();
        const body = this.#body;
        if (body !== undefined && body.length > 0) {
          const { capacity } = body;
          const part = body.take();
          stream.consume(part.length);
          yield part;
          stream.release(capacity);
        } else if (stream.requestEnded) return;
        else if (this.gone) throw new ConnectError("the client went away", Code.Canceled);
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#iterates = false;
      stream.consume(stream.unread);
      this.#body = undefined;
    }
  }

  /** What `addHeader` was called with. */
  get added(): Readonly<Record<string, string>> {
    return this.#added ?? {};
  }

  addHeader(name: string, value: string): void {
    (this.#added ??= {})[name] = value;
  }

  respond(status: number, headers: OutgoingHttpHeaders, body: string | Uint8Array): void {
    const { stream } = this;
    if (stream.closed || stream.headersSent) return;
    const bytes = typeof body === "string" ? encodeText(body) : body;
    const all = withAddedHeaders(headers, this.#added);
    // A response of trailers only has no body whose length it could tell.
    const hasLength = status !== 304 && status !== 204 && !("grpc-status" in all);
    if (hasLength) all["content-length"] = bytes.length;
    const more = flatten(all, true);
    const isBare = bytes.length === 0 || this.method === "HEAD" || status === 304 || status === 204;
    if (isBare) stream.respondAndEnd(ResponseHeaders.status(status), more);
    else stream.respondWhole(ResponseHeaders.status(status), bytes, 0, bytes.length, noTrailers, more);
  }

  begin(status: number, headers: OutgoingHttpHeaders): void {
    const more = flatten(withAddedHeaders(headers, this.#added), true);
    this.stream.respond(ResponseHeaders.status(status), more);
  }

  write(part: string | Uint8Array): boolean {
    if (this.gone || this.method === "HEAD") return true;
    return this.stream.write(typeof part === "string" ? encodeText(part) : part);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.gone) resolve();
      else this.#onDrained = resolve;
    });
  }

  end(trailers?: OutgoingHttpHeaders): void {
    if (trailers === undefined) this.stream.end();
    else this.stream.end(noTrailers, flatten(trailers, false));
  }

  abort(): void {
    this.stream.reset(errorCodes.internalError);
  }
}

/** Headers as our HTTP/2 writes them. */
function flatten(headers: OutgoingHttpHeaders, hasDate: boolean): FlatHeaders {
  const flat: string[] = [];
  for (const name in headers) {
    const value = headers[name];
    // Those that only HTTP/1.1 has.
    if (value === undefined || name === "connection") continue;
    if (Array.isArray(value)) for (const each of value) flat.push(name, each);
    else flat.push(name, typeof value === "string" ? value : String(value));
  }
  if (hasDate) flat.push("date", httpDate());
  return flat;
}
