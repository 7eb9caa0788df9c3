import type { Http2Limits } from "../http2/limits.ts";

/** What a peer may take, hold and withhold on the port. Times are milliseconds. */
export interface ListenerLimits {
  /** Until the first bytes tell the protocol; also for the TLS handshake. */
  readonly prefaceMs: number;
  /** HTTP/1.1: until the headers of a request are complete. */
  readonly headersMs: number;
  /** HTTP/1.1: until a request is complete. */
  readonly requestMs: number;
  /** HTTP/1.1: between two requests. */
  readonly keepAliveMs: number;
  /** HTTP/1.1: a client that takes nothing of a response for so long is disconnected. */
  readonly stallMs: number;
  /** HTTP/1.1: request line and headers. A key of 1,024 bytes is over 3 KiB when every byte is percent-encoded. */
  readonly headerBytesMax: number;
  /** Connections at a time, of all clients and of one address. More are closed at once. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly http2: Partial<Http2Limits>;
}

export const defaultListenerLimits: ListenerLimits = {
  prefaceMs: 10_000,
  headersMs: 15_000,
  requestMs: 300_000,
  // Longer than the idle time of common proxies, so that they close first and never send into a closing connection.
  keepAliveMs: 75_000,
  stallMs: 60_000,
  headerBytesMax: 32 * 1024,
  connectionsMax: Number.POSITIVE_INFINITY,
  connectionsPerAddressMax: Number.POSITIVE_INFINITY,
  http2: {},
};
