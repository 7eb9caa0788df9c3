import type { IncomingHttpHeaders } from "node:http";
import {
  create,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type Registry,
} from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Call, Protocol } from "../call/call.ts";
import { respondEncoded } from "../call/content-encoding.ts";
import type { MessageStream } from "../call/message-stream.ts";
import type { RequestTarget } from "../call/request-target.ts";
import type { ListLimits } from "../protobuf/codecs.ts";
import { wireError } from "../wire-error.ts";
import { byteStreamHeaders, sendByteStream } from "./byte-stream.ts";
import type { RestResponse } from "./convention.ts";
import { respondWithError } from "./error-response.ts";
import { eventStreamHeaders, type Heartbeat, streamEvents } from "./event-stream.ts";
import type { BoundRule } from "./http-rule.ts";
import { readRequest } from "./request-reader.ts";
import { toResponseJson } from "./response-json.ts";
import type { RouteMatch } from "./route-tree.ts";

export interface RestProtocolOptions {
  readonly registry: Registry;
  readonly listLimits: ListLimits;
  readonly heartbeat: Heartbeat;
}

/** REST, for one request: what its HTTP rule and the convention of its method say. */
export class RestProtocol implements Protocol {
  readonly name = "rest";
  readonly #match: RouteMatch<BoundRule>;
  readonly #target: RequestTarget;
  readonly #options: RestProtocolOptions;

  constructor(match: RouteMatch<BoundRule>, target: RequestTarget, options: RestProtocolOptions) {
    this.#match = match;
    this.#target = target;
    this.#options = options;
  }

  get takesBody(): boolean {
    return this.#match.route.body !== undefined;
  }

  bodyBytesMax(messageBytesMax: number): number {
    return messageBytesMax;
  }

  /** Why the encoding of a body cannot be read; undefined when it can. */
  findEncodingFault(headers: IncomingHttpHeaders): ConnectError | undefined {
    const encoding = headers["content-encoding"];
    if (!this.takesBody || encoding === undefined || encoding.toLowerCase() === "identity") return undefined;
    const message = "a request body must come without content-encoding";
    return wireError(Code.InvalidArgument, "ENCODING_UNSUPPORTED", message);
  }

  decode({ exchange }: Call, bytes: Buffer, start: number, end: number): Message {
    const content = bytes.subarray(start, end);
    return readRequest(this.#match, exchange.headers, this.#target, content, this.#options);
  }

  respond(call: Call, init: MessageInitShape<DescMessage>): void | Promise<void> {
    const { exchange, entry, responseHeaderIfAny, options } = call;
    const { convention } = this.#match.route;
    const json = (): string => this.#toJson(create(entry.spec.method.output, init));
    const { status, headers, body } =
      convention.respond?.(init, exchange.headers, json) ?? toJsonResponse(json());
    if (responseHeaderIfAny !== undefined) {
      for (const [name, value] of responseHeaderIfAny) headers[name] ??= value;
    }
    // Values of bytes are not compressed: nothing says whether that would make them smaller.
    if (headers["content-type"] === "application/octet-stream")
      return exchange.respond(status, headers, body);
    return respondEncoded(exchange, options.compression, status, headers, body);
  }

  async stream(call: Call, messages: MessageStream): Promise<void> {
    const { streamBytes } = this.#match.route.convention;
    if (call.exchange.method === "HEAD") {
      call.exchange.begin(200, streamBytes === undefined ? eventStreamHeaders : byteStreamHeaders);
      return call.exchange.end();
    }
    if (streamBytes !== undefined) return sendByteStream(call, messages, streamBytes);
    await streamEvents({
      route: this.#match.route,
      call,
      messages,
      heartbeat: this.#options.heartbeat,
      toJson: (message) => this.#toJson(message),
    });
  }

  fail({ exchange }: Call, error: ConnectError): void {
    const { convention } = this.#match.route;
    // No client shall take a part of the bytes for the whole.
    if (exchange.headersSent) return exchange.abort();
    respondWithError(exchange, error, convention.errorStatus?.(error, exchange.headers));
  }

  #toJson(message: Message): string {
    return toResponseJson(this.#match.route, message, this.#options.registry);
  }
}

function toJsonResponse(body: string): RestResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body };
}
