import type { Registry } from "@bufbuild/protobuf";
import { Call, type CallOptions } from "../call/call.ts";
import type { Exchange } from "../call/exchange.ts";
import type { UnaryProtocol } from "../call/unary-protocol.ts";
import { GrpcWebProtocol } from "../grpc-web/protocol.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { ConnectProtocol } from "./protocol.ts";

/**
 * The fast path of Connect and gRPC-Web: unary calls. False, with nothing consumed, for whatever it does not know:
 * streaming methods, GET, compressed requests, unusual headers.
 */
export function createUnaryRoutes(
  methods: ReadonlyMap<string, MethodEntry>,
  codecs: Codecs,
  registry: Registry,
  options: CallOptions,
): (exchange: Exchange, path: string) => boolean {
  const web = new GrpcWebProtocol("application/grpc-web+proto", codecs.binary);
  const protocols = new Map<string, UnaryProtocol>([
    ["application/proto", new ConnectProtocol("application/proto", codecs.binary, registry)],
    ["application/json", new ConnectProtocol("application/json", codecs.json, registry)],
    ["application/grpc-web", web],
    ["application/grpc-web+proto", web],
    ["application/grpc-web+json", new GrpcWebProtocol("application/grpc-web+json", codecs.json)],
  ]);

  return (exchange, path) => {
    const { headers } = exchange;
    const protocol = protocols.get(headers["content-type"] ?? "");
    const entry = methods.get(path);
    if (protocol === undefined || entry?.spec.kind !== "unary" || exchange.method !== "POST") return false;
    if (headers.expect !== undefined || !protocol.knows(headers)) return false;
    // The absolute form of a target says more than the path.
    if (!exchange.target.startsWith("/")) return false;
    const timeoutMs = protocol.readTimeout(headers);
    if (typeof timeoutMs === "string") return false;
    new Call(entry, exchange, protocol, options, timeoutMs).begin();
    return true;
  };
}
