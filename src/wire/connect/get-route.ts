import type { Registry } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Call, type CallOptions } from "../call/call.ts";
import type { RpcRoute } from "../call/rpc-route.ts";
import { parseConnectTimeout, toTimeoutMs } from "../call/timeouts.ts";
import { isKnownEncoding } from "../grpc/only-message.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { ConnectGetProtocol } from "./get-protocol.ts";
import { ConnectProtocol } from "./protocol.ts";

/** Serves the unary calls of Connect by GET, of methods without side effects. */
export function createConnectGetRoute(
  methods: ReadonlyMap<string, MethodEntry>,
  { binary, json }: Codecs,
  registry: Registry,
  options: CallOptions,
): RpcRoute {
  const protocols = new Map([
    ["proto", new ConnectProtocol("application/proto", binary, registry)],
    ["json", new ConnectProtocol("application/json", json, registry)],
  ]);
  return (exchange, { path, query }) => {
    const entry = methods.get(path);
    if (exchange.method !== "GET" || entry === undefined || !hasNoSideEffects(entry)) return false;
    const parameters = new URLSearchParams(query);
    const protocol = protocols.get(parameters.get("encoding") ?? "");
    if (protocol === undefined || !isKnownEncoding(parameters.get("compression") ?? undefined)) return false;
    if ((parameters.get("connect") ?? "v1") !== "v1") return false;
    const timeout = parseConnectTimeout(exchange.headers["connect-timeout-ms"]);
    if (timeout === "malformed") return false;
    const get = new ConnectGetProtocol(parameters, protocol);
    new Call(entry, exchange, get, options, toTimeoutMs(timeout)).begin();
    return true;
  };
}

function hasNoSideEffects({ spec: { kind, method } }: MethodEntry): boolean {
  return kind === "unary" && method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}
