/** One try of a call. */
export interface TransportCall {
  /** As given to `connect`: `https://kv.example:8080`. */
  readonly url: string;
  /** The name of service and method: `duetkv.v1.KeyValueService/Get`. */
  readonly method: string;
  /** The request message as JSON carries it. */
  readonly message: object;
  /** The token of the caller. */
  readonly token: string | undefined;
  /** The time that is left for the response, or for the first message of a stream. */
  readonly timeoutMs: number;
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** Carries calls to a server. Both methods fail with DuetError, whatever happens. */
export interface Transport {
  /** Resolves with the response message as JSON carries it. */
  unary(call: TransportCall): Promise<object>;
  /** Ends when the server ends the stream; to leave it early ends the call. */
  stream(call: TransportCall): AsyncIterable<object>;
  /** Closes the connections. */
  close?(): void | Promise<void>;
}
