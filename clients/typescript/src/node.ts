/**
 * The client of Duet KV over gRPC, for Node 22 and newer: binary messages on one HTTP/2 connection for each server, and
 * client certificates. It needs the packages `@bufbuild/protobuf`, `@connectrpc/connect` and `@connectrpc/connect-node`.
 *
 * @module
 */
import { connect as connectBy } from "./connect.ts";
import { GrpcTransport, type TlsOptions } from "./grpc-transport.ts";
import type { Client } from "./kv.ts";
import type { ConnectOptions } from "./options.ts";

export * from "./index.ts";
export type { TlsOptions };

/** The options of `connect` over gRPC. */
export interface GrpcOptions extends Omit<ConnectOptions, "transport"> {
  /** For URLs that begin with `https:`. */
  readonly tls?: TlsOptions;
}

/** Returns a client of the service over gRPC. It connects with the first call. */
export function connect({ tls, ...options }: GrpcOptions): Client {
  return connectBy({ ...options, transport: new GrpcTransport(tls) });
}
