import type { CallOptions } from "../call/call.ts";
import { createUnaryRoute, type RpcRoute } from "../call/unary-route.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { GrpcWebProtocol } from "./protocol.ts";

/** Serves the unary calls of gRPC-Web. */
export function createGrpcWebRoute(
  methods: ReadonlyMap<string, MethodEntry>,
  codecs: Codecs,
  options: CallOptions,
): RpcRoute {
  const proto = new GrpcWebProtocol("application/grpc-web+proto", codecs.binary);
  const protocols = new Map([
    // The short form means protobuf. Responses have the long one.
    ["application/grpc-web", proto],
    ["application/grpc-web+proto", proto],
    ["application/grpc-web+json", new GrpcWebProtocol("application/grpc-web+json", codecs.json)],
  ]);
  return createUnaryRoute(protocols, methods, options);
}
