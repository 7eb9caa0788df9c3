import { Call, type CallOptions } from "../call/call.ts";
import { type Encoding, isEncoding } from "../call/compression.ts";
import type { Exchange } from "../call/exchange.ts";
import { parseGrpcTimeout, toTimeoutMs } from "../call/timeouts.ts";
import type { HeaderList } from "../http2/header-list.ts";
import type { Stream } from "../http2/stream.ts";
import { isValidAuthority } from "../listener/authority.ts";
import { Http2Exchange } from "../listener/http2-exchange.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs } from "../protobuf/codecs.ts";
import { GrpcProtocol } from "./protocol.ts";

/** Serves gRPC calls. False, with nothing consumed: the request is for another route. */
export interface GrpcRoute {
  /** Serves a call before its exchange is looked at. False also for headers that `Router.handle` must check first. */
  serveStream(stream: Stream): boolean;
  /** Serves a call whose headers were checked. */
  serveExchange(exchange: Exchange): boolean;
}

/** Headers that only `Router.handle` looks at. */
const unusualHeaders: readonly string[] = ["origin", "sec-fetch-site", "expect"];

interface FoundRoute {
  readonly entry: MethodEntry;
  readonly protocol: GrpcProtocol;
  readonly isUnusual: boolean;
}

/**
 * The fast path of gRPC: unary and server-streaming calls. Clients send the same headers for each call, and equal headers
 * are one object: the route is found once for each of them.
 */
export function createGrpcRoute(
  methods: ReadonlyMap<string, MethodEntry>,
  codecs: Codecs,
  options: CallOptions,
): GrpcRoute {
  const protocols = new Map(
    ["identity", "gzip", "br"].map((name) => [
      name,
      createProtocols(codecs, isEncoding(name) ? name : undefined),
    ]),
  );
  const foundRoutes = new WeakMap<HeaderList, FoundRoute | null>();

  function find(headers: HeaderList): FoundRoute | null {
    const protocol = protocols
      .get(headers.get("grpc-encoding") ?? "identity")
      ?.get((headers.contentType ?? "").toLowerCase());
    if (protocol === undefined || headers.method !== "POST") return null;
    const entry = methods.get(headers.path as string);
    const kind = entry?.spec.kind;
    if (entry === undefined || (kind !== "unary" && kind !== "server_streaming")) return null;
    if (!isValidAuthority(headers.authority)) return null;
    const isUnusual = unusualHeaders.some((name) => headers.get(name) !== undefined);
    return { entry, protocol, isUnusual };
  }

  return {
    serveStream(stream) {
      const { headers, varying } = stream;
      let found = foundRoutes.get(headers);
      if (found === undefined) foundRoutes.set(headers, (found = find(headers)));
      if (found === null || found.isUnusual) return false;
      const timeout = parseGrpcTimeout(varying);
      if (timeout === "malformed") return false;
      const timeoutMs = toTimeoutMs(timeout);
      new Call(found.entry, new Http2Exchange(stream), found.protocol, options, timeoutMs).begin();
      return true;
    },
    serveExchange(exchange) {
      if (!(exchange instanceof Http2Exchange)) return false;
      const found = find(exchange.stream.headers);
      const timeout = parseGrpcTimeout(exchange.stream.varying);
      if (found === null || timeout === "malformed") return false;
      const call = new Call(found.entry, exchange, found.protocol, options, toTimeoutMs(timeout));
      for (const [name, value] of Object.entries(exchange.added)) call.responseHeader.set(name, value);
      call.begin();
      return true;
    },
  };
}

/** By content type, for one encoding of messages. */
function createProtocols(codecs: Codecs, encoding: Encoding | undefined): ReadonlyMap<string, GrpcProtocol> {
  const proto = new GrpcProtocol("application/grpc+proto", codecs.binary, encoding);
  return new Map([
    // The short form means protobuf. Responses have the long one.
    ["application/grpc", proto],
    ["application/grpc+proto", proto],
    ["application/grpc+json", new GrpcProtocol("application/grpc+json", codecs.json, encoding)],
  ]);
}
