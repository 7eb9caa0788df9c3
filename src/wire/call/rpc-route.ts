import type { MethodEntry } from "../method-table.ts";
import { Call, type CallOptions } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import type { RequestTarget } from "./request-target.ts";
import type { RpcProtocol } from "./rpc-protocol.ts";
import { toTimeoutMs } from "./timeouts.ts";

/** Serves a request to the path of a method. False, with nothing consumed: the request is for another route. */
export type RpcRoute = (exchange: Exchange, target: RequestTarget) => boolean;

/** JSON is always UTF-8, whether a client says so or not. */
const charsetOfJson = /(?<=\bjson); ?charset=utf-?8$/i;

/**
 * The unary and server-streaming calls of protocols that name themselves by their content type. False for other calls, for
 * GET, and for headers that a protocol does not know.
 */
export function createRpcRoute(
  protocols: Readonly<Record<string, readonly RpcProtocol[]>>,
  methods: ReadonlyMap<string, MethodEntry>,
  options: CallOptions,
): RpcRoute {
  const byContentType = new Map(Object.entries(protocols));
  return (exchange, { path }) => {
    const { headers } = exchange;
    const type = headers["content-type"] ?? "";
    const candidates =
      byContentType.get(type) ?? byContentType.get(type.toLowerCase().replace(charsetOfJson, ""));
    const entry = methods.get(path);
    if (candidates === undefined || entry === undefined || exchange.method !== "POST") return false;
    const protocol = candidates.find(({ kind }) => kind === entry.spec.kind);
    if (protocol === undefined || !protocol.knows(headers)) return false;
    const timeout = protocol.readTimeout(headers);
    if (timeout === "malformed") return false;
    new Call(entry, exchange, protocol, options, toTimeoutMs(timeout)).begin();
    return true;
  };
}
