import type { DescMessage, DescMethod, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Caller } from "../../security/caller.ts";
import { requestIdOf } from "../../telemetry/request-id.ts";
import type { MethodEntry } from "../method-table.ts";
import { type ErrorListeners, toLoggedError, wireError } from "../wire-error.ts";
import { CallContext } from "./call-context.ts";
import { type Compression, isEncoding } from "./compression.ts";
import type { BodyReader, Exchange } from "./exchange.ts";
import { MessageStream } from "./message-stream.ts";
import { overloaded } from "./overloaded.ts";

const noBytes = Buffer.alloc(0);

/** What a server stream occupies while it is open: a watch with its stream, signal and queue. Measured. */
const streamBytes = 8 * 1024;

type MessageInit = MessageInitShape<DescMessage>;

export interface CallOptions extends ErrorListeners {
  readonly requestBytesMax: number;
  readonly compression: Compression;
  /** Aborts the signal of every running call. */
  readonly shutdownSignal: AbortSignal;
  /** Default: callers are not asked who they are. */
  readonly authenticate?: Authenticate | undefined;
}

/**
 * Who makes a call; undefined for methods that ask nobody. Throws or rejects with the reason when the call must not go on,
 * before its body is read where that is known.
 */
export type Authenticate = (
  exchange: Exchange,
  method: DescMethod,
  protocolName: string,
) => Caller | Promise<Caller> | undefined;

/** What one protocol does with a call: everything else is the same for all of them. What a method throws fails the call. */
export interface Protocol {
  readonly name: string;
  /** Whether the request is in the body, or its part of it. */
  readonly takesBody: boolean;
  /** How long the body of a request may be whose message has up to `messageBytesMax` bytes. */
  bodyBytesMax(messageBytesMax: number): number;
  /** The request in `bytes[start, end)`, which is valid only during the call. A promise where it is compressed. */
  decode(call: Call, bytes: Buffer, start: number, end: number): Message | Promise<Message>;
  /** Sends the response to a unary call. A promise where it is compressed. */
  respond(call: Call, response: MessageInitShape<DescMessage>): void | Promise<void>;
  /**
   * Sends the messages of a server-streaming call, and its end. Headers go out with the first message, so that the handler
   * can still set some. Rejects with what the handler threw, unless it has told the client itself.
   */
  stream?(call: Call, messages: MessageStream): Promise<void>;
  /** Sends an error, as the client may see it. The response may have begun. */
  fail(call: Call, error: ConnectError): void;
}

/** One call on its way: its body comes in, its handler is called, its response goes out. */
export class Call extends CallContext implements BodyReader {
  readonly #protocol: Protocol;
  readonly #options: CallOptions;
  #settled = false;
  #authenticates = false;
  /** A request that has come while it is not yet known who the caller is. */
  #waiting: Message | undefined = undefined;

  constructor(
    entry: MethodEntry,
    exchange: Exchange,
    protocol: Protocol,
    options: CallOptions,
    timeoutMs: number | undefined,
  ) {
    super(entry, exchange, protocol.name, options.shutdownSignal, timeoutMs);
    this.#protocol = protocol;
    this.#options = options;
  }

  get options(): CallOptions {
    return this.#options;
  }

  /** Reads the request. It must be called once, in the turn in which the exchange began. */
  begin(): void {
    if (this.hasDeadline) this.onExpired((error) => this.fail(error));
    if (!this.#settled && this.#options.authenticate !== undefined)
      this.#authenticate(this.#options.authenticate);
    if (this.#settled) return;
    const { hasBody } = this.exchange;
    if (hasBody && this.#protocol.takesBody) this.#readBody();
    else {
      if (hasBody) this.exchange.dropBody();
      this.receive(noBytes, 0, 0);
    }
  }

  #authenticate(authenticate: Authenticate): void {
    try {
      const caller = authenticate(this.exchange, this.method, this.protocolName);
      if (caller instanceof Promise) this.#authenticateLater(caller);
      else this.caller = caller;
    } catch (error) {
      this.fail(error);
    }
  }

  #authenticateLater(authenticating: Promise<Caller>): void {
    this.#authenticates = true;
    authenticating.then((caller) => this.#authenticated(caller)).catch((error: unknown) => this.fail(error));
  }

  #authenticated(caller: Caller): void {
    this.caller = caller;
    this.#authenticates = false;
    if (this.#waiting === undefined || this.#settled) return;
    if (this.exchange.gone) this.abandon();
    else this.#callHandler(this.#waiting);
  }

  #readBody(): void {
    this.exchange.readBody(this.#protocol.bodyBytesMax(this.#options.requestBytesMax), this);
  }

  receive(bytes: Buffer, start: number, end: number): void {
    try {
      const request = this.#protocol.decode(this, bytes, start, end);
      if (request instanceof Promise) void this.#receiveLater(request);
      else this.#callHandler(request);
    } catch (error) {
      this.fail(error);
    }
  }

  async #receiveLater(decoding: Promise<Message>): Promise<void> {
    try {
      const request = await decoding;
      if (this.exchange.gone) this.abandon();
      else if (!this.#settled) this.#callHandler(request);
    } catch (error) {
      this.fail(error);
    }
  }

  #callHandler(request: Message): void {
    if (this.#authenticates) this.#waiting = request;
    else if (this.entry.spec.kind === "unary") this.#callUnary(request);
    else this.#callStreaming(request);
  }

  /** Decompresses `bytes` and decodes them. The content counts until the exchange is over: a watch keeps its keys. */
  async decompress(
    encoding: string | undefined,
    bytes: Uint8Array,
    decode: (bytes: Buffer) => Message,
  ): Promise<Message> {
    const { compression, requestBytesMax } = this.#options;
    if (!isEncoding(encoding)) {
      const message = "the request is compressed, but no encoding is named";
      throw wireError(Code.Internal, "REQUEST_MALFORMED", message);
    }
    const content = await compression.decompress(encoding, bytes, requestBytesMax, this.exchange);
    this.signal.throwIfAborted();
    this.#hold(content.length);
    return decode(content);
  }

  /** Counts bytes until the exchange is over. Throws OVERLOADED when there is no room. */
  #hold(bytes: number): void {
    if (!this.exchange.hold(bytes)) throw overloaded();
  }

  abandon(): void {
    this.#settled = true;
    this.finish();
  }

  fail(thrown: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.finish();
    const error = this.report(thrown);
    if (this.exchange.gone) return;
    try {
      this.#protocol.fail(this, error);
    } catch (unwritable) {
      this.#options.log.error({ err: unwritable, path: this.entry.path }, "response could not be written");
      this.exchange.abort();
    }
  }

  /**
   * What was thrown, as the client may see it. It is logged if it is unexpected, and counted if the client is still there. For
   * the one error of a call, before the exchange is over.
   */
  report(thrown: unknown): ConnectError {
    const { log, onError } = this.#options;
    const { path } = this.entry;
    const error = toLoggedError(thrown, log, path, () => requestIdOf(this));
    if (!this.exchange.gone) onError(path, error);
    return error;
  }

  #callUnary(request: Message): void {
    const { spec, path } = this.entry;
    if (spec.kind !== "unary") throw new TypeError(`${path} is not a unary method`);
    const response: MessageInit | Promise<MessageInit> = spec.impl(request, this);
    if ("then" in response) {
      (response as Promise<MessageInit>).then(
        (init) => this.#succeed(init),
        (error: unknown) => this.fail(error),
      );
    } else this.#succeed(response);
  }

  #succeed(response: MessageInit): void {
    if (this.#settled) return;
    this.finish();
    if (this.exchange.gone) return;
    try {
      const sent = this.#protocol.respond(this, response);
      if (sent instanceof Promise) void this.#settleLater(sent);
      else this.#settled = true;
    } catch (error) {
      this.fail(error);
    }
  }

  async #settleLater(sending: Promise<void>): Promise<void> {
    try {
      await sending;
      this.#settled = true;
    } catch (error) {
      this.fail(error);
    }
  }

  #callStreaming(request: Message): void {
    this.#stream(request).catch((error: unknown) => this.fail(error));
  }

  async #stream(request: Message): Promise<void> {
    const { spec, path } = this.entry;
    if (this.#protocol.stream === undefined) throw new TypeError(`${this.#protocol.name} does not stream`);
    if (spec.kind !== "server_streaming") throw new TypeError(`${path} is not a server-streaming method`);
    this.#hold(streamBytes);
    const messages = new MessageStream(this, spec.impl(request, this)[Symbol.asyncIterator]());
    try {
      await this.#protocol.stream(this, messages);
    } finally {
      messages.end();
    }
    this.#settled = true;
  }
}
