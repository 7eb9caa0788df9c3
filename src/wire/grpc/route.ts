import { Call, type CallOptions } from "../call/call.ts";
import { parseGrpcTimeout } from "../call/timeouts.ts";
import type { HeaderList } from "../http2/header-list.ts";
import type { Stream } from "../http2/stream.ts";
import { isValidAuthority } from "../listener/authority.ts";
import { Http2Exchange } from "../listener/http2-exchange.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { GrpcProtocol } from "./protocol.ts";

/** Headers that only the way through `handle` knows what to do with. */
const unusualHeaders: readonly string[] = ["origin", "sec-fetch-site"];

interface Route {
  readonly entry: MethodEntry;
  readonly protocol: GrpcProtocol;
}

/**
 * The fast path of gRPC: unary and server-streaming calls, without compression. False, with nothing consumed, for
 * whatever it does not know. What it finds out about the headers of a request is kept with them, since clients send the
 * same ones for each call.
 */
export function createGrpcRoutes(
  methods: ReadonlyMap<string, MethodEntry>,
  codecs: Codecs,
  options: CallOptions,
): (stream: Stream) => boolean {
  const proto = new GrpcProtocol("application/grpc+proto", codecs.binary);
  const protocols = new Map([
    // The short form means protobuf, and is answered with the long one.
    ["application/grpc", proto],
    ["application/grpc+proto", proto],
    ["application/grpc+json", new GrpcProtocol("application/grpc+json", codecs.json)],
  ]);

  function find(headers: HeaderList): Route | null {
    const protocol = protocols.get(headers.contentType ?? "");
    if (protocol === undefined || headers.method !== "POST") return null;
    const entry = methods.get(headers.path as string);
    const kind = entry?.spec.kind;
    if (entry === undefined || (kind !== "unary" && kind !== "server_streaming")) return null;
    if (!isValidAuthority(headers.authority)) return null;
    if ((headers.get("grpc-encoding") ?? "identity") !== "identity") return null;
    if (unusualHeaders.some((name) => headers.get(name) !== undefined)) return null;
    return { entry, protocol };
  }

  return (stream) => {
    const { headers, varying } = stream;
    if (headers.route === undefined) headers.route = find(headers);
    const route = headers.route as Route | null;
    if (route === null) return false;
    const timeoutMs = parseGrpcTimeout(varying);
    if (typeof timeoutMs === "string") return false;
    new Call(route.entry, new Http2Exchange(stream), route.protocol, options, timeoutMs).begin();
    return true;
  };
}
