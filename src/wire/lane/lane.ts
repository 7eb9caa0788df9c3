import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Registry } from "@bufbuild/protobuf";
import type { Limits } from "../../limits.ts";
import type { HttpRequest, HttpResponse } from "../http-exchange.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs, MessageCodec } from "../protobuf/codecs.ts";
import type { OnError } from "../wire-error.ts";
import type { WireLog } from "../wire-log.ts";
import { createGrpcLane } from "./grpc-lane.ts";
import { createHttpLane } from "./http-lane.ts";
import { createConnectProtocol, createGrpcWebProtocol, type HttpProtocol } from "./http-protocol.ts";

export interface LaneOptions {
  /** By path: `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, MethodEntry>;
  readonly limits: Pick<Limits, "requestBytesMax">;
  readonly registry: Registry;
  readonly codecs: Codecs;
  readonly shutdownSignal: AbortSignal;
  readonly log: WireLog;
  readonly onError: OnError;
}

/**
 * The direct lane: unary calls go from their bytes to their handler and back without Connect's pipeline, which costs
 * several times as much as all the rest. False: not one for the lane, nothing was consumed, Connect takes it.
 */
export interface Lane {
  handleStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean;
  handleRequest(request: HttpRequest, response: HttpResponse, path: string): boolean;
}

export function createLane(options: LaneOptions): Lane {
  const { binary, json } = options.codecs;
  const grpc = new Map<string, MessageCodec>();
  const http = new Map<string, HttpProtocol>();
  for (const type of ["application/grpc", "application/grpc+proto"]) grpc.set(type, binary);
  grpc.set("application/grpc+json", json);
  for (const [format, codec] of [
    ["proto", binary],
    ["json", json],
  ] as const) {
    http.set(
      `application/${format}`,
      createConnectProtocol(`application/${format}`, codec, options.registry),
    );
    const web = createGrpcWebProtocol(`application/grpc-web+${format}`, codec);
    http.set(`application/grpc-web+${format}`, web);
  }
  http.set("application/grpc-web", http.get("application/grpc-web+proto") as HttpProtocol);
  return { handleStream: createGrpcLane(options, grpc), handleRequest: createHttpLane(options, http) };
}
