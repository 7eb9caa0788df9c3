import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { isValidAuthority } from "../authority.ts";
import { collectBody } from "../body.ts";
import { toHeaders } from "../headers.ts";
import { type Caller, Invocation, invokeUnary } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import { toConnectError } from "../wire-error.ts";
import { decodeOnlyEnvelope, encodeEnvelope, envelopeHeaderBytes } from "./envelope.ts";
import type { LaneOptions } from "./lane.ts";
import type { MessageCodec } from "./message-codec.ts";
import { parseGrpcTimeout } from "./timeouts.ts";

const trailersOk = { "grpc-status": "0" };

/**
 * Answers unary gRPC calls on the HTTP/2 stream itself, without requests and responses in between. False, with nothing
 * consumed, for whatever it does not know: streaming methods, compressed requests, unusual headers.
 */
export function createGrpcLane(
  { methods, limits, shutdownSignal, log }: LaneOptions,
  codecs: ReadonlyMap<string, MessageCodec>,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean {
  const bodyBytesMax = envelopeHeaderBytes + limits.requestBytesMax;
  const headersOk = new Map<string, OutgoingHttpHeaders>(
    codecs.keys().map((type) => [type, { ":status": 200, "content-type": responseType(type) }]),
  );

  return (stream, headers) => {
    const type = headers["content-type"] as string;
    const codec = codecs.get(type);
    if (codec === undefined || headers[":method"] !== "POST") return false;
    const entry = methods.get(headers[":path"] as string);
    if (entry?.spec.kind !== "unary" || !isValidAuthority(headers[":authority"])) return false;
    if ((headers["grpc-encoding"] ?? "identity") !== "identity") return false;
    const timeoutMs = parseGrpcTimeout(headers["grpc-timeout"]);
    if (timeoutMs === "odd") return false;
    const caller = new GrpcCaller(stream, headers);
    const invocation = new Invocation(entry, caller, shutdownSignal, timeoutMs);
    void answer(stream, entry, codec, invocation, headersOk.get(type) as OutgoingHttpHeaders);
    return true;
  };

  async function answer(
    stream: ServerHttp2Stream,
    entry: MethodEntry,
    codec: MessageCodec,
    invocation: Invocation,
    protocolHeaders: OutgoingHttpHeaders,
  ): Promise<void> {
    const { input, output } = entry.spec.method;
    try {
      const body = await invocation.untilDeadline(collectBody(stream, bodyBytesMax));
      const request = codec.decode(input, decodeOnlyEnvelope(body, limits.requestBytesMax));
      const response = await invokeUnary(entry, request, invocation);
      const envelope = encodeEnvelope(codec.encode(output, response));
      if (stream.destroyed) return;
      const trailers = merge(invocation.responseTrailerIfAny, trailersOk);
      stream.respond(merge(invocation.responseHeaderIfAny, protocolHeaders), { waitForTrailers: true });
      stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end(envelope);
    } catch (thrown) {
      invocation.finish();
      const error = toConnectError(thrown);
      if (error !== thrown) log.error({ err: thrown, path: entry.path }, "a gRPC call failed unexpectedly");
      if (stream.destroyed || stream.headersSent) return;
      const status = setTrailerStatus(invocation.responseTrailerIfAny ?? new Headers(), error);
      const headers = { ...Object.fromEntries(status), ...protocolHeaders };
      stream.respond(merge(invocation.responseHeaderIfAny, headers), { endStream: true });
      // A peer that is still sending what nobody reads is told to stop.
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    }
  }
}

/** The short form of the content type means protobuf, and is answered with the long one. */
function responseType(requestType: string): string {
  return requestType === "application/grpc" ? "application/grpc+proto" : requestType;
}

/** The handler's headers, if it has set any, and those of the protocol, which win. */
function merge(handlers: Headers | undefined, protocols: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return handlers === undefined ? protocols : { ...Object.fromEntries(handlers), ...protocols };
}

/** One gRPC call, as an invocation sees it. */
class GrpcCaller implements Caller {
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream;
    this.#headers = headers;
  }

  get url(): string {
    const { ":scheme": scheme, ":authority": authority, ":path": path } = this.#headers;
    return `${scheme}://${authority}${path}`;
  }

  requestHeader(): Headers {
    return toHeaders(this.#headers);
  }

  whenGone(callback: () => void): void {
    if (this.#stream.destroyed) callback();
    else this.#stream.once("close", callback);
  }
}
