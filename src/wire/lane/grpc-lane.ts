import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { isValidAuthority } from "../authority.ts";
import { readBody } from "../body.ts";
import { toHeaders } from "../headers.ts";
import { type Caller, Invocation, invokeUnary } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import { toConnectError } from "../wire-error.ts";
import { decodeOnlyEnvelope, encodeMessage, envelopeHeaderBytes } from "./envelope.ts";
import { GrpcAnswer } from "./grpc-answer.ts";
import { answerWithStream } from "./grpc-stream.ts";
import type { LaneOptions } from "./lane.ts";
import type { MessageCodec } from "./message-codec.ts";
import { parseGrpcTimeout } from "./timeouts.ts";

const laneKinds: ReadonlySet<string> = new Set(["unary", "server_streaming"]);

/**
 * Answers unary and server-streaming gRPC calls on the HTTP/2 stream itself, without requests and responses in between.
 * False, with nothing consumed, for whatever it does not know: streams of requests, compressed requests, unusual headers.
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
    if (entry === undefined || !laneKinds.has(entry.spec.kind)) return false;
    if (!isValidAuthority(headers[":authority"])) return false;
    if ((headers["grpc-encoding"] ?? "identity") !== "identity") return false;
    const timeoutMs = parseGrpcTimeout(headers["grpc-timeout"]);
    if (timeoutMs === "odd") return false;
    const invocation = new Invocation(entry, new GrpcCaller(stream, headers), shutdownSignal, timeoutMs);
    const answer = new GrpcAnswer(stream, invocation, headersOk.get(type) as OutgoingHttpHeaders);
    serve(stream, headers, entry, codec, invocation, answer);
    return true;
  };

  function serve(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    entry: MethodEntry,
    codec: MessageCodec,
    invocation: Invocation,
    answer: GrpcAnswer,
  ): void {
    const { kind, method } = entry.spec;
    readBody(stream, headers, bodyBytesMax, invocation, receive, fail);

    function receive(body: Buffer): void {
      try {
        const request = codec.decode(method.input, decodeOnlyEnvelope(body, limits.requestBytesMax));
        if (kind === "unary") invokeUnary(entry, request, invocation, succeed, fail);
        else answerWithStream(stream, answer, entry, codec, request, invocation).catch(fail);
      } catch (error) {
        fail(error);
      }
    }

    function succeed(response: Message): void {
      try {
        const envelope = encodeMessage(codec, method.output, response);
        answer.begin();
        answer.succeed(envelope);
      } catch (error) {
        fail(error);
      }
    }

    function fail(thrown: unknown): void {
      invocation.finish();
      const error = toConnectError(thrown);
      if (error !== thrown && error.code === Code.Internal) {
        log.error({ err: thrown, path: entry.path }, "a gRPC call failed unexpectedly");
      }
      try {
        answer.fail(error);
      } catch (unwritable) {
        log.error({ err: unwritable, path: entry.path }, "a gRPC answer could not be written");
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      }
    }
  }
}

/** The short form of the content type means protobuf, and is answered with the long one. */
function responseType(requestType: string): string {
  return requestType === "application/grpc" ? "application/grpc+proto" : requestType;
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
