import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { DescMessage, Message, MessageInitShape, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import type { Call } from "../call/call.ts";
import { toNodeHeaders } from "../call/node-headers.ts";
import { parseConnectTimeout, type Timeout } from "../call/timeouts.ts";
import type { UnaryProtocol } from "../call/unary-protocol.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";

/** Unary calls of Connect, uncompressed, by POST. */
export class ConnectProtocol implements UnaryProtocol {
  readonly name = "connect";
  readonly takesBody = true;
  readonly envelopeBytes = 0;
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
      (headers["content-encoding"] ?? "identity") === "identity" &&
      (headers["connect-protocol-version"] ?? "1") === "1"
    );
  }

  readTimeout(headers: IncomingHttpHeaders): Timeout {
    return parseConnectTimeout(headers["connect-timeout-ms"]);
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message {
    return this.#codec.decode(call.entry.spec.method.input, bytes, start, end);
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void {
    const body = this.#codec.encode(call.entry.spec.method.output, response);
    call.exchange.respond(
      200,
      { ...handlerHeaders(call, undefined), "content-type": this.#contentType },
      body,
    );
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
