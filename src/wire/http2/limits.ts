/** What a peer may send, hold and withhold. Times are milliseconds; 0 turns an optional one off. */
export interface Http2Limits {
  /** Streams at a time on one connection. */
  readonly streamsMax: number;
  /** Request bytes that a client may send on a stream, and on a connection, before the handler has consumed them. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** Decoded header fields of one block, as RFC 9113, section 6.5.2 counts them. More are answered with 431. */
  readonly headerListBytesMax: number;
  /** A header block as it is sent, over all its frames. */
  readonly headerBlockBytesMax: number;
  readonly continuationsMax: number;
  /** Frames that cost the peer nothing and us something, resets among them: a burst, and so many a second. */
  readonly floodBurst: number;
  readonly floodPerSecond: number;
  /** Request bytes not yet consumed and response bytes not yet sent, for one connection. */
  readonly connectionBytesMax: number;
  /** Response bytes that wait for the socket before the connection reads and writes no more. */
  readonly writeBacklogBytesMax: number;
  /** Until the preface and the first SETTINGS are complete. */
  readonly prefaceMs: number;
  /** Until our SETTINGS are acknowledged. */
  readonly settingsMs: number;
  /** Until a frame or header block that has begun is complete. */
  readonly headerMs: number;
  /** Until a request body is complete. */
  readonly bodyMs: number;
  /** Without progress of a request body that a handler waits for, of a response that waits for window, of the socket. */
  readonly stallMs: number;
  /** A connection that has been silent for `pingIntervalMs` is asked for a sign of life, and has `pingTimeoutMs` to give it. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** Optional. A connection without streams is closed after this time. */
  readonly idleMs: number;
  /** Optional. A connection is drained at this age, give or take a tenth, so that load balancers can spread clients anew. */
  readonly ageMs: number;
  /** For the streams of a connection that is drained for its age, until they are asked to end. */
  readonly ageGraceMs: number;
  /** For streams that were asked to end. */
  readonly endingMs: number;
  /** For the peer to close a connection that has ended. */
  readonly closeMs: number;
  /** After this much work on one connection others get their turn. */
  readonly turnMs: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const defaultHttp2Limits: Http2Limits = {
  streamsMax: 4096,
  streamWindowBytes: MiB,
  connectionWindowBytes: 4 * MiB,
  headerListBytesMax: 32 * KiB,
  headerBlockBytesMax: 64 * KiB,
  continuationsMax: 64,
  // A client that cancels thousands of watches at once is no attack.
  floodBurst: 20_000,
  floodPerSecond: 2000,
  connectionBytesMax: 64 * MiB,
  writeBacklogBytesMax: 4 * MiB,
  prefaceMs: 10_000,
  settingsMs: 20_000,
  headerMs: 15_000,
  bodyMs: 300_000,
  // With the sweeps at both ends, less than 60 s.
  stallMs: 55_000,
  pingIntervalMs: 30_000,
  pingTimeoutMs: 20_000,
  idleMs: 300_000,
  ageMs: 0,
  ageGraceMs: 60_000,
  endingMs: 5000,
  closeMs: 1000,
  turnMs: 2,
};
