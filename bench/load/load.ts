/** One request; a gRPC call is a POST with the framed message as body. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Load {
  readonly protocol: "grpc" | "http1";
  /** One, or many to choose from at random for each call. */
  readonly requests: readonly Request[];
  /** The number of concurrent calls. */
  readonly concurrency: number;
  readonly seconds: number;
  /** Requests per second that are sent, whether they are answered or not. Default: as many as are answered. Only gRPC. */
  readonly perSecond?: number;
  /** Each call has a `grpc-timeout` of its own, as grpc-go sends them. Only gRPC, by the generator of Node's. */
  readonly ownDeadlines?: boolean;
  /** Over TLS. Only gRPC, by the generator of Node's. */
  readonly tls?: ClientTls;
}

/** PEM texts: whom a client trusts, and the certificate that it shows if it has one. */
export interface ClientTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The measurements of the generator. Times are in microseconds. */
export interface Seen {
  readonly requests: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}
