import { once } from "node:events";
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from "node:http2";
import { onTestFinished } from "vitest";

export interface ClientResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A session of node:http2, another implementation, for the time of one test. */
export function openSession(port: number, options: Parameters<typeof connect>[1] = {}): ClientHttp2Session {
  const scheme = "ca" in (options ?? {}) ? "https" : "http";
  const session = connect(`${scheme}://127.0.0.1:${port}`, options);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Sends one request. Rejects when the stream is reset. */
export async function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
  body?: Uint8Array,
): Promise<ClientResponse> {
  const method = body === undefined ? "GET" : "POST";
  const stream = session.request(
    { ":method": method, ":path": "/", ...headers },
    { endStream: body === undefined },
  );
  if (body !== undefined) stream.end(body);
  let trailers = {};
  stream.on("trailers", (received) => {
    trailers = received;
  });
  const [received] = await once(stream, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Error(`reset with ${stream.rstCode}`);
  return { status: received[":status"], headers: received, body: Buffer.concat(chunks), trailers };
}
