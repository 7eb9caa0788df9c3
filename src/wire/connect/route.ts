import type { Registry } from "@bufbuild/protobuf";
import type { CallOptions } from "../call/call.ts";
import { createRpcRoute, type RpcRoute } from "../call/rpc-route.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { ConnectProtocol } from "./protocol.ts";
import { ConnectStreamProtocol } from "./stream-protocol.ts";

/** Serves the unary and server-streaming calls of Connect by POST. */
export function createConnectRoute(
  methods: ReadonlyMap<string, MethodEntry>,
  { binary, json }: Codecs,
  registry: Registry,
  options: CallOptions,
): RpcRoute {
  return createRpcRoute(
    {
      "application/proto": [new ConnectProtocol("application/proto", binary, registry)],
      "application/json": [new ConnectProtocol("application/json", json, registry)],
      "application/connect+proto": [new ConnectStreamProtocol("application/connect+proto", binary, registry)],
      "application/connect+json": [new ConnectStreamProtocol("application/connect+json", json, registry)],
    },
    methods,
    options,
  );
}
