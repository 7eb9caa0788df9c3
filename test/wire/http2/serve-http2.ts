import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { onTestFinished } from "vitest";
import type { ByteBudget } from "../../../src/wire/http2/byte-budget.ts";
import { errorCodes } from "../../../src/wire/http2/connection-error.ts";
import type { EndReason } from "../../../src/wire/http2/end-reasons.ts";
import { createHttp2Server, type Http2Server } from "../../../src/wire/http2/http2-server.ts";
import type { Http2Limits } from "../../../src/wire/http2/limits.ts";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import type { StreamHandler } from "../../../src/wire/http2/stream-handler.ts";

export const okHeaders = ResponseHeaders.headers(200, { "content-type": "text/plain" });
const doneTrailers = ResponseHeaders.trailers({ "x-done": "yes" });

/** Collects the request body and gives it to `respond`. */
export class BodyHandler implements StreamHandler {
  readonly #stream: Stream;
  readonly #respond: (body: Buffer, stream: Stream) => void;
  readonly #chunks: Buffer[] = [];
  aborted: EndReason | undefined = undefined;
  onDrain: () => void = () => {};
  /** The body is over a budget. */
  onOverload: () => void = () => this.#stream.reset(errorCodes.enhanceYourCalm);

  constructor(stream: Stream, respond: (body: Buffer, stream: Stream) => void) {
    this.#stream = stream;
    this.#respond = respond;
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    this.#stream.consume(end - start);
    if (!this.#stream.hold(end - start)) this.onOverload();
  }

  onEnd(): void {
    this.#respond(Buffer.concat(this.#chunks), this.#stream);
  }

  onAbort(reason: EndReason): void {
    this.aborted = reason;
  }
}

/** Responds with the request body, and with trailers. */
function echo(stream: Stream): void {
  stream.handler = new BodyHandler(stream, (body) => {
    stream.respondWhole(okHeaders, body, 0, body.length, doneTrailers);
  });
}

export interface ServeOptions {
  readonly onStream?: (stream: Stream) => void;
  readonly limits?: Partial<Http2Limits>;
  readonly budget?: ByteBudget;
  readonly varyingHeader?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface Served {
  readonly port: number;
  readonly server: Http2Server;
  /** What ended early, in order. */
  readonly ends: EndReason[];
  /** What handlers threw. */
  readonly errors: unknown[];
  readonly connect: () => Socket;
}

/** A server on a free port of 127.0.0.1 for the time of one test. */
export async function serveHttp2(options: ServeOptions = {}): Promise<Served> {
  const ends: EndReason[] = [];
  const errors: unknown[] = [];
  const { onStream = echo, tls, ...rest } = options;
  const server = createHttp2Server({
    ...rest,
    onStream,
    onEnd: (reason) => void ends.push(reason),
    onError: (error) => void errors.push(error),
  });
  const accept = (socket: Socket): void => void server.accept(socket);
  const listener =
    tls === undefined
      ? createServer({ allowHalfOpen: true }, accept)
      : createTlsServer({ ...tls, ALPNProtocols: ["h2"] }, accept);
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    for (const connection of server.connections) connection.destroy("disconnected");
    listener.close();
  });
  return {
    port,
    server,
    ends,
    errors,
    connect() {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
      return socket;
    },
  };
}
