import type { Registry } from "@bufbuild/protobuf";
import type { CallOptions } from "../call/call.ts";
import { createUnaryRoute, type RpcRoute } from "../call/unary-route.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { ConnectProtocol } from "./protocol.ts";

/** Serves the unary calls of Connect by POST. */
export function createConnectRoute(
  methods: ReadonlyMap<string, MethodEntry>,
  codecs: Codecs,
  registry: Registry,
  options: CallOptions,
): RpcRoute {
  const protocols = new Map([
    ["application/proto", new ConnectProtocol("application/proto", codecs.binary, registry)],
    ["application/json", new ConnectProtocol("application/json", codecs.json, registry)],
  ]);
  return createUnaryRoute(protocols, methods, options);
}
