import type { EndReason } from "./end-reasons.ts";
import type { Stream } from "./stream.ts";

/** Calls handlers, and is the one place that catches what they throw. */
export class HandlerCalls {
  readonly #onStream: (stream: Stream) => void;
  readonly #onThrown: (stream: Stream, error: unknown) => void;

  constructor(onStream: (stream: Stream) => void, onThrown: (stream: Stream, error: unknown) => void) {
    this.#onStream = onStream;
    this.#onThrown = onThrown;
  }

  stream(stream: Stream): void {
    try {
      this.#onStream(stream);
    } catch (error) {
      this.#onThrown(stream, error);
    }
  }

  data(stream: Stream, bytes: Buffer, start: number, end: number): void {
    try {
      stream.handler?.onData(bytes, start, end);
    } catch (error) {
      this.#onThrown(stream, error);
    }
  }

  end(stream: Stream): void {
    try {
      stream.handler?.onEnd();
    } catch (error) {
      this.#onThrown(stream, error);
    }
  }

  abort(stream: Stream, reason: EndReason): void {
    try {
      stream.handler?.onAbort(reason);
    } catch (error) {
      this.#onThrown(stream, error);
    }
  }

  drain(stream: Stream): void {
    try {
      stream.handler?.onDrain();
    } catch (error) {
      this.#onThrown(stream, error);
    }
  }

  ending(stream: Stream): void {
    try {
      stream.handler?.onEnding?.();
    } catch (error) {
      this.#onThrown(stream, error);
    }
  }
}
