import type { Http2Limits } from "../http2/limits.ts";

/** What a peer may take, hold and withhold on the port. Times are milliseconds. */
export interface ListenerLimits {
  /** Until the first bytes show the protocol; also for the TLS handshake. */
  readonly prefaceMs: number;
  /** HTTP/1.1: until the headers of a request are complete. */
  readonly headersMs: number;
  /** HTTP/1.1: until a request is complete. */
  readonly requestMs: number;
  /** HTTP/1.1: between two requests. */
  readonly keepAliveMs: number;
  /** Without progress of a request body that is waited for, or of a response that the client does not take. */
  readonly stallMs: number;
  /** HTTP/1.1, on Linux: a peer has acknowledged nothing for so long, though bytes wait. HTTP/2 has its PING. */
  readonly vanishedMs: number;
  /** HTTP/1.1: request line and headers. A key of 1,024 bytes is over 3 KiB when every byte is percent-encoded. */
  readonly headerBytesMax: number;
  /** Connections at a time, of all clients and of one address. More are closed at once. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Request bytes not yet consumed and response bytes not yet sent, for one connection. */
  readonly connectionBytesMax: number;
  /** Optional: 0 turns it off. A connection is to end at this age, give or take a tenth, so that clients spread anew. */
  readonly ageMs: number;
  /** For the calls of a connection that has reached its age, until they are asked to end. */
  readonly ageGraceMs: number;
  /** For calls that were asked to end. */
  readonly endingMs: number;
  readonly http2: Partial<Http2Limits>;
}

export const defaultListenerLimits: ListenerLimits = {
  prefaceMs: 10_000,
  headersMs: 15_000,
  requestMs: 300_000,
  // Longer than the idle time of common proxies, so that they close first and never send into a closing connection.
  keepAliveMs: 75_000,
  // With the sweeps at both ends, less than 60 s.
  stallMs: 55_000,
  // With the 15 s between two heartbeats of an event stream, and what a look costs, less than 60 s.
  vanishedMs: 30_000,
  headerBytesMax: 32 * 1024,
  connectionsMax: Number.POSITIVE_INFINITY,
  connectionsPerAddressMax: Number.POSITIVE_INFINITY,
  connectionBytesMax: 64 * 1024 * 1024,
  ageMs: 0,
  ageGraceMs: 60_000,
  endingMs: 5000,
  http2: {},
};
