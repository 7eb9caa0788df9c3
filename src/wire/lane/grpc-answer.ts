import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { Invocation } from "../invocation.ts";
import { setGrpcStatus } from "./grpc-status.ts";
import { toNodeHeaders } from "./node-headers.ts";

const trailersOk: OutgoingHttpHeaders = { "grpc-status": "0" };

// No server of gRPC sends a date, and no client looks for one.
const respondOptions = { waitForTrailers: true, sendDate: false };

/** Writes the answer to one gRPC call on its stream. Nothing is written to a stream that is gone. */
export class GrpcAnswer {
  readonly #stream: ServerHttp2Stream;
  readonly #invocation: Invocation;
  readonly #protocolHeaders: OutgoingHttpHeaders;
  #trailers = trailersOk;

  constructor(stream: ServerHttp2Stream, invocation: Invocation, protocolHeaders: OutgoingHttpHeaders) {
    this.#stream = stream;
    this.#invocation = invocation;
    this.#protocolHeaders = protocolHeaders;
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  /** Sends the headers; those of the protocol win over those that the handler has set. */
  begin(): void {
    const stream = this.#stream;
    if (this.gone) return;
    const handlers = this.#invocation.responseHeaderIfAny;
    const headers =
      handlers === undefined
        ? this.#protocolHeaders
        : { ...toNodeHeaders(handlers), ...this.#protocolHeaders };
    stream.respond(headers, respondOptions);
    stream.on("wantTrailers", () => {
      try {
        stream.sendTrailers(this.#trailers);
        this.#dropRest();
      } catch {
        // What a handler has set can be what no trailer may be, and nobody else would catch this.
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      }
    });
  }

  /** Ends a call that went well, with its last or only message, if there is one. */
  succeed(envelope?: Buffer): void {
    if (this.gone) return;
    const handlers = this.#invocation.responseTrailerIfAny;
    if (handlers !== undefined) this.#trailers = { ...toNodeHeaders(handlers), ...trailersOk };
    if (envelope === undefined) this.#stream.end();
    else this.#stream.end(envelope);
  }

  fail(error: ConnectError): void {
    const stream = this.#stream;
    if (this.gone) return;
    const { responseHeaderIfAny, responseTrailerIfAny } = this.#invocation;
    const trailers = toNodeHeaders(setGrpcStatus(new Headers(responseTrailerIfAny), error));
    if (responseHeaderIfAny === undefined && !stream.headersSent) {
      stream.respond({ ...trailers, ...this.#protocolHeaders }, { endStream: true });
      this.#dropRest();
      return;
    }
    // Clients would take headers that come in the same block for trailers.
    this.#trailers = trailers;
    if (!stream.headersSent) this.begin();
    stream.end();
  }

  /** A peer that is still sending what nobody reads is told to stop. */
  #dropRest(): void {
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }
}
