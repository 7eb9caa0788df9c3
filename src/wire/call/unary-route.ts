import type { MethodEntry } from "../method-table.ts";
import { Call, type CallOptions } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import type { UnaryProtocol } from "./unary-protocol.ts";

/** Serves a request to the path of a method. False, with nothing consumed: the request is for another route. */
export type RpcRoute = (exchange: Exchange, path: string) => boolean;

/**
 * The unary calls of protocols that name themselves by their content type. False for streaming methods, GET, compressed
 * requests and unusual headers.
 */
export function createUnaryRoute(
  protocols: ReadonlyMap<string, UnaryProtocol>,
  methods: ReadonlyMap<string, MethodEntry>,
  options: CallOptions,
): RpcRoute {
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
