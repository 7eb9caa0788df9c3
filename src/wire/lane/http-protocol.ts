import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { DescMessage, Message, MessageInitShape, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Invocation } from "../invocation.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { parseConnectTimeout, parseGrpcTimeout, type Timeout } from "../timeouts.ts";
import { decodeOnlyEnvelope, encodeEnvelope, encodeMessage, envelopeHeaderBytes } from "./envelope.ts";
import { setGrpcStatus } from "./grpc-status.ts";
import type { HttpAnswer } from "./http-lane.ts";
import { toNodeHeaders } from "./node-headers.ts";

/** How one protocol writes a unary call into an HTTP exchange, for one content type. */
export interface HttpProtocol {
  readonly name: string;
  /** What its envelope adds to a message. */
  readonly envelopeBytes: number;
  /** Whether all headers that matter to the protocol are ones that it handles. */
  knows(headers: IncomingHttpHeaders): boolean;
  readTimeout(headers: IncomingHttpHeaders): Timeout;
  /** Throws REQUEST_MALFORMED or REQUEST_TOO_LARGE. */
  decode(message: DescMessage, body: Buffer, bytesMax: number): Message;
  encode(message: DescMessage, result: MessageInitShape<DescMessage>, invocation: Invocation): HttpAnswer;
  encodeError(error: ConnectError, invocation: Invocation): HttpAnswer;
}

export function createConnectProtocol(
  contentType: string,
  codec: MessageCodec,
  registry: Registry,
): HttpProtocol {
  const jsonOptions = { registry, alwaysEmitImplicit: true };
  return {
    name: "connect",
    envelopeBytes: 0,
    knows: (headers) =>
      isIdentity(headers["content-encoding"]) && (headers["connect-protocol-version"] ?? "1") === "1",
    readTimeout: (headers) => parseConnectTimeout(headers["connect-timeout-ms"]),
    decode: (message, body) => codec.decode(message, body),
    encode: (message, result, invocation) => ({
      status: 200,
      headers: { ...handlerHeaders(invocation, undefined), "content-type": contentType },
      body: codec.encode(message, result),
    }),
    encodeError: (error, invocation) => ({
      status: codeToHttpStatus(error.code),
      headers: { ...handlerHeaders(invocation, error), "content-type": "application/json" },
      body: errorToJsonBytes(error, jsonOptions),
    }),
  };
}

export function createGrpcWebProtocol(contentType: string, codec: MessageCodec): HttpProtocol {
  const trailersOk = encodeEnvelope(trailerSerialize(new Headers({ "grpc-status": "0" })), trailerFlag);

  function trailers(invocation: Invocation, error: ConnectError | undefined): Buffer {
    if (error === undefined && invocation.responseTrailerIfAny === undefined) return trailersOk;
    const trailer = setGrpcStatus(new Headers(invocation.responseTrailerIfAny), error);
    return encodeEnvelope(trailerSerialize(trailer), trailerFlag);
  }

  function headers({ responseHeaderIfAny }: Invocation): OutgoingHttpHeaders {
    return responseHeaderIfAny === undefined
      ? { "content-type": contentType }
      : { ...toNodeHeaders(responseHeaderIfAny), "content-type": contentType };
  }

  return {
    name: "grpc-web",
    envelopeBytes: envelopeHeaderBytes,
    knows: (requestHeaders) => isIdentity(requestHeaders["grpc-encoding"]),
    readTimeout: (requestHeaders) => parseGrpcTimeout(requestHeaders["grpc-timeout"]),
    decode: (message, body, bytesMax) =>
      codec.decode(message, decodeOnlyEnvelope(body, bytesMax, trailerFlag)),
    encode: (message, result, invocation) => ({
      status: 200,
      headers: headers(invocation),
      body: Buffer.concat([encodeMessage(codec, message, result), trailers(invocation, undefined)]),
    }),
    encodeError: (error, invocation) => ({
      status: 200,
      headers: headers(invocation),
      body: trailers(invocation, error),
    }),
  };
}

function isIdentity(encoding: string | string[] | undefined): boolean {
  return encoding === undefined || encoding === "identity";
}

/** What the handler has set and thrown: Connect's unary calls carry trailers as headers. */
function handlerHeaders(
  { responseHeaderIfAny, responseTrailerIfAny }: Invocation,
  error: ConnectError | undefined,
): OutgoingHttpHeaders {
  if (responseHeaderIfAny === undefined && responseTrailerIfAny === undefined && error === undefined)
    return {};
  const headers = new Headers(responseHeaderIfAny);
  if (error !== undefined) mergeNonProtocolHeaders(headers, error.metadata);
  return toNodeHeaders(trailerMux(headers, responseTrailerIfAny ?? new Headers()));
}
