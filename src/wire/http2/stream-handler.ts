import type { EndReason } from "./end-reasons.ts";

/** Receives what happens on one stream after its headers. What a method throws is reported, and resets the stream. */
export interface StreamHandler {
  /**
   * A part of the request body. `bytes[start, end)` is valid only during the call: decode it in place, or copy it. See
   * `Stream.consume` and `Stream.hold`. `stream.requestEnded` is true when this is the last part.
   */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The request is complete. */
  onEnd(): void;
  /** The stream was closed before the response was sent completely. Called at most once, and nothing after it. */
  onAbort(reason: EndReason): void;
  /** After `write` has returned false: more may be written. */
  onDrain(): void;
  /** The connection will be closed soon, for its age: the handler should end the response. Called at most once. */
  onEnding?(): void;
}
