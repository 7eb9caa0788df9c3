import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { Peer } from "../../security/peer.ts";
import type { ConnectionBudget } from "../http2/byte-budget.ts";

/** Receives the body of a request, or the reason why it cannot be used. One of the three is called, once. */
export interface BodyReader {
  /** The whole body is `bytes[start, end)`, valid only during the call. */
  receive(bytes: Buffer, start: number, end: number): void;
  fail(error: unknown): void;
  /** The client has left before the end: a response would reach nobody. */
  abandon(): void;
}

/**
 * One HTTP request and its response, over either version of HTTP. Methods of a response do nothing once nobody can receive
 * it. Names of headers are in lower case.
 */
export interface Exchange {
  readonly httpVersion: 1 | 2;
  readonly encrypted: boolean;
  readonly peer: Peer;
  /** Of the connection. What a call holds beside the body and the response counts here, too. */
  readonly budget: ConnectionBudget;
  readonly method: string;
  /** As it was sent: path and query, or the absolute or asterisk form. */
  readonly target: string;
  /** `:authority` stands as `host`. */
  readonly headers: IncomingHttpHeaders;
  /** One header, by its name in lower case. Costs less than `headers`, which may be a copy for each call. */
  header(name: string): string | undefined;
  /** Whether a body comes with the request, as far as its headers tell. */
  readonly hasBody: boolean;
  readonly headersSent: boolean;
  /** Whether nobody can receive the response any more. */
  readonly gone: boolean;
  /** Calls back when the client has gone, at once if it has. HTTP/1.1 also calls back after the response. */
  whenGone(callback: () => void): void;
  /**
   * Calls back when the connection will be closed soon, for its age: the call should end. At most once, and never after the
   * response.
   */
  whenEnding(callback: () => void): void;
  /**
   * Reads the whole body. Fails with REQUEST_TOO_LARGE as soon as it is known to be over `bytesMax`; what comes after that
   * is thrown away.
   * The reader hears nothing after the response.
   */
  readBody(bytesMax: number, reader: BodyReader): void;
  /** Drops the body as it comes: the response may take long, and nobody will read it. */
  dropBody(): void;
  /**
   * The body part by part. A part counts as held until the next one is asked for. The rest of a body whose reader stops early
   * is dropped. Rejects when the client leaves.
   */
  body(): AsyncIterable<Buffer>;
  /**
   * Counts `bytes` more that are held for the exchange until it is over. Returns false, with nothing counted, when a budget
   * has no room for them: of the connection, or of all.
   */
  hold(bytes: number): boolean;
  /** Counts `bytes` of what is held no longer. */
  release(bytes: number): void;
  /** Adds a header to the response that will be sent; headers of the response itself win, and `vary` is joined. */
  addHeader(name: string, value: string): void;
  /** Sends a whole response with its length. HEAD, 204 and 304 get no body. */
  respond(status: number, headers: OutgoingHttpHeaders, body: string | Uint8Array): void;
  /** Sends headers alone; `write` and `end` follow. Throws for invalid names or values. */
  begin(status: number, headers: OutgoingHttpHeaders): void;
  /** Sends a part of the body. False: the client takes no more for now, see `drained`. */
  write(part: string | Uint8Array): boolean;
  /** Resolves when the client can take more, or will never take anything again. */
  drained(): Promise<void>;
  end(trailers?: OutgoingHttpHeaders): void;
  /** Ends the exchange without a proper response, so that the client does not take it for one. */
  abort(): void;
}

/** Headers of a response with those that were added before. */
export function withAddedHeaders(
  headers: OutgoingHttpHeaders,
  added: Readonly<Record<string, string>> | undefined,
): OutgoingHttpHeaders {
  if (added === undefined) return headers;
  const { vary } = headers;
  const merged = { ...added, ...headers };
  if (vary !== undefined && added["vary"] !== undefined) merged["vary"] = `${vary}, ${added["vary"]}`;
  return merged;
}
