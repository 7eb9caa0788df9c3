import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Call } from "../call/call.ts";
import { toNodeHeaders } from "../call/node-headers.ts";
import { parseGrpcTimeout, type Timeout } from "../call/timeouts.ts";
import type { UnaryProtocol } from "../call/unary-protocol.ts";
import { encodeEnvelope, encodeMessage, envelopeHeaderBytes, findOnlyMessage } from "../grpc/envelope.ts";
import { setGrpcStatus } from "../grpc/status.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";

const trailersOk = encodeEnvelope(trailerSerialize(new Headers({ "grpc-status": "0" })), trailerFlag);

/** Unary calls of gRPC-Web, uncompressed. */
export class GrpcWebProtocol implements UnaryProtocol {
  readonly name = "grpc-web";
  readonly takesBody = true;
  readonly envelopeBytes = envelopeHeaderBytes;
  readonly #contentType: string;
  readonly #codec: MessageCodec;

  constructor(contentType: string, codec: MessageCodec) {
    this.#contentType = contentType;
    this.#codec = codec;
  }

  knows(headers: IncomingHttpHeaders): boolean {
    return (headers["grpc-encoding"] ?? "identity") === "identity";
  }

  readTimeout(headers: IncomingHttpHeaders): Timeout {
    return parseGrpcTimeout(headers["grpc-timeout"]);
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message {
    const data = findOnlyMessage(bytes, start, end, call.options.requestBytesMax, trailerFlag);
    return this.#codec.decode(call.entry.spec.method.input, bytes, data.start, data.end);
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void {
    const message = encodeMessage(this.#codec, call.entry.spec.method.output, response);
    call.exchange.respond(
      200,
      this.#headers(call),
      Buffer.concat([message, encodeTrailers(call, undefined)]),
    );
  }

  fail(call: Call, error: ConnectError): void {
    call.exchange.respond(200, this.#headers(call), encodeTrailers(call, error));
  }

  #headers({ responseHeaderIfAny }: Call): OutgoingHttpHeaders {
    if (responseHeaderIfAny === undefined) return { "content-type": this.#contentType };
    return { ...toNodeHeaders(responseHeaderIfAny), "content-type": this.#contentType };
  }
}

function encodeTrailers({ responseTrailerIfAny }: Call, error: ConnectError | undefined): Buffer {
  if (error === undefined && responseTrailerIfAny === undefined) return trailersOk;
  const trailer = setGrpcStatus(new Headers(responseTrailerIfAny), error);
  return encodeEnvelope(trailerSerialize(trailer), trailerFlag);
}
