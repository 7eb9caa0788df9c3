import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { DescMessage, Message, MessageInitShape, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import type { Call } from "../call/call.ts";
import { isEncoding } from "../call/compression.ts";
import { respondEncoded } from "../call/content-encoding.ts";
import { toNodeHeaders } from "../call/node-headers.ts";
import type { RpcProtocol } from "../call/rpc-protocol.ts";
import { parseConnectTimeout, type Timeout } from "../call/timeouts.ts";
import { isKnownEncoding } from "../grpc/only-message.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";

/** Unary calls of Connect by POST. */
export class ConnectProtocol implements RpcProtocol {
  readonly name = "connect";
  readonly takesBody = true;
  readonly kind = "unary";
  readonly #contentType: string;
  readonly #codec: MessageCodec;
  readonly #jsonOptions: { registry: Registry; alwaysEmitImplicit: boolean };

  constructor(contentType: string, codec: MessageCodec, registry: Registry) {
    this.#contentType = contentType;
    this.#codec = codec;
    this.#jsonOptions = { registry, alwaysEmitImplicit: true };
  }

  knows(headers: IncomingHttpHeaders): boolean {
    return (
      isKnownEncoding(headers["content-encoding"]) && (headers["connect-protocol-version"] ?? "1") === "1"
    );
  }

  readTimeout(headers: IncomingHttpHeaders): Timeout {
    return parseConnectTimeout(headers["connect-timeout-ms"]);
  }

  bodyBytesMax(messageBytesMax: number): number {
    return messageBytesMax;
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message | Promise<Message> {
    return this.decodeMessage(call, call.exchange.headers["content-encoding"], bytes, start, end);
  }

  /** The request in `bytes[start, end)`, which `encoding` says how to decompress; a GET has it elsewhere. */
  decodeMessage(
    call: Call,
    encoding: string | undefined,
    bytes: Buffer,
    start: number,
    end: number,
  ): Message | Promise<Message> {
    const { input } = call.entry.spec.method;
    if (!isEncoding(encoding) || start === end) return this.#codec.decode(input, bytes, start, end);
    return call.decompress(encoding, bytes.subarray(start, end), (message) =>
      this.#codec.decode(input, message),
    );
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void | Promise<void> {
    const body = this.#codec.encode(call.entry.spec.method.output, response);
    const headers = { ...handlerHeaders(call, undefined), "content-type": this.#contentType };
    return respondEncoded(call.exchange, call.options.compression, 200, headers, body);
  }

  fail(call: Call, error: ConnectError): void {
    const headers = { ...handlerHeaders(call, error), "content-type": "application/json" };
    call.exchange.respond(codeToHttpStatus(error.code), headers, errorToJsonBytes(error, this.#jsonOptions));
  }
}

/** What the handler has set and thrown: Connect's unary calls carry trailers as headers. */
function handlerHeaders(
  { responseHeaderIfAny, responseTrailerIfAny }: Call,
  error: ConnectError | undefined,
): OutgoingHttpHeaders {
  if (responseHeaderIfAny === undefined && responseTrailerIfAny === undefined && error === undefined)
    return {};
  const headers = new Headers(responseHeaderIfAny);
  if (error !== undefined) mergeNonProtocolHeaders(headers, error.metadata);
  return toNodeHeaders(trailerMux(headers, responseTrailerIfAny ?? new Headers()));
}
