import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpStatusHeader } from "node:http2";

/** One request as it goes over the wire, in any protocol. */
export interface RawRequest {
  readonly version: 1 | 2;
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
  /** Sends this much of the body, then goes away. */
  readonly resetAfter?: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

/** A client without a protocol. Undefined: the connection or the stream ended without an answer. */
export class RawClient {
  readonly #port: number;
  #session: ClientHttp2Session | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  send(raw: RawRequest): Promise<RawAnswer | undefined> {
    return raw.version === 2 ? this.#sendHttp2(raw) : this.#sendHttp1(raw);
  }

  close(): void {
    this.#session?.close();
  }

  async #sendHttp2({ method, path, headers, body, resetAfter }: RawRequest): Promise<RawAnswer | undefined> {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(`http://127.0.0.1:${this.#port}`);
      this.#session.on("error", () => {});
    }
    const stream = this.#session.request({
      ...headers,
      ":method": method,
      ":path": path,
      ":authority": "test",
    });
    stream.on("error", () => {});
    let head: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (each) => (head = each));
    stream.on("trailers", (each) => (trailers = each));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    if (resetAfter === undefined) {
      stream.end(body);
    } else {
      stream.write(body.subarray(0, resetAfter));
      setTimeout(() => stream.close(8), 2);
    }
    await new Promise((resolve) => stream.once("close", resolve));
    if (head === undefined) return undefined;
    return { status: head[":status"] ?? 0, headers: head, body: Buffer.concat(chunks), trailers };
  }

  async #sendHttp1({ method, path, headers, body, resetAfter }: RawRequest): Promise<RawAnswer | undefined> {
    const outgoing = request({
      host: "127.0.0.1",
      port: this.#port,
      method,
      path,
      headers: { ...headers, host: "test" },
      agent: false,
    });
    outgoing.on("error", () => {});
    const closed = new Promise((resolve) => outgoing.once("close", resolve));
    let incoming: IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    outgoing.on("response", (response) => {
      incoming = response;
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => {});
    });
    if (resetAfter === undefined) {
      outgoing.end(body);
    } else {
      outgoing.write(body.subarray(0, resetAfter));
      setTimeout(() => outgoing.destroy(), 2);
    }
    await closed;
    if (incoming === undefined) return undefined;
    return {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      body: Buffer.concat(chunks),
      trailers: incoming.trailers,
    };
  }
}
