import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Request } from "./load.ts";

const atOnce = 8;

/** Sends each request once, a few at a time, by Node's own clients. Throws when one is not answered well. */
export async function sendEach(address: string, requests: Iterable<Request>): Promise<void> {
  const session = connect(`http://${address}`);
  // Servers that support only HTTP/1.1 do not get this load.
  session.on("error", () => {});
  const iterator = requests[Symbol.iterator]();
  const send = async () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      const isGrpc = next.value.headers["content-type"] === "application/grpc";
      await (isGrpc ? sendGrpc(session, next.value) : sendHttp1(address, next.value));
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, send));
  } finally {
    session.destroy();
  }
}

async function sendGrpc(session: ClientHttp2Session, { path, headers, body }: Request): Promise<void> {
  const stream = session.request({ ":method": "POST", ":path": path, ...headers });
  let status: unknown;
  stream.on("response", (head) => (status = head["grpc-status"]));
  stream.on("trailers", (trailers) => (status = trailers["grpc-status"] ?? status));
  stream.resume().end(body);
  await once(stream, "close");
  if (status !== "0") throw new Error(`${path} was answered with ${String(status)}`);
}

async function sendHttp1(address: string, { method, path, headers, body }: Request): Promise<void> {
  const content = body.length > 0 ? { body: Buffer.from(body) } : {};
  const response = await fetch(`http://${address}${path}`, { method, headers, ...content });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
}
