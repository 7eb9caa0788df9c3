import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { isValidAuthority } from "../authority.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { parseGrpcTimeout } from "../timeouts.ts";
import { GrpcCall } from "./grpc-call.ts";
import type { LaneOptions } from "./lane.ts";

const laneKinds: ReadonlySet<string> = new Set(["unary", "server_streaming"]);

/**
 * Answers unary and server-streaming gRPC calls on the HTTP/2 stream itself, without requests and responses in between.
 * False, with nothing consumed, for whatever it does not know: streams of requests, compressed requests, unusual headers.
 */
export function createGrpcLane(
  options: LaneOptions,
  codecs: ReadonlyMap<string, MessageCodec>,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean {
  const { methods } = options;
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
    if (typeof timeoutMs === "string") return false;
    const head = headersOk.get(type) as OutgoingHttpHeaders;
    new GrpcCall(stream, headers, entry, codec, options, head, timeoutMs).begin();
    return true;
  };
}

/** The short form of the content type means protobuf, and is answered with the long one. */
function responseType(requestType: string): string {
  return requestType === "application/grpc" ? "application/grpc+proto" : requestType;
}
