import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Invocation } from "./invocation.ts";
import { wireError } from "./wire-error.ts";

/** Gets the body of a call, or why there is none that could be used. */
export interface BodyReader {
  receive(body: Buffer): void;
  fail(error: unknown): void;
}

/** A request whose stream was reset before the request was made knows nothing of that, but its stream does. */
interface CanBeReset {
  readonly aborted: boolean;
  readonly stream?: { readonly aborted: boolean };
}

/**
 * Reads the whole body of a call and calls one of the two, once: `fail` with REQUEST_TOO_LARGE as soon as it is known to
 * be over `bytesMax`, and with deadline_exceeded. What comes after that is thrown away. None is called when the client leaves
 * before the end: nobody would hear of it. No promise: in a small call it would cost more than all else here.
 */
export function readBody(
  readable: Readable & CanBeReset,
  headers: IncomingHttpHeaders,
  bytesMax: number,
  invocation: Invocation,
  reader: BodyReader,
): void {
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let bytes = 0;
  let settled = false;
  const giveUp = (reason: unknown): void => {
    if (settled) return;
    settled = true;
    first = chunks = undefined;
    reader.fail(reason);
  };
  readable.on("data", (chunk: Buffer) => {
    if (settled) return;
    bytes += chunk.length;
    if (first === undefined) first = chunk;
    else (chunks ??= [first]).push(chunk);
    if (bytes > bytesMax) giveUp(bodyTooLarge(bytesMax));
  });
  readable.on("end", () => {
    // A stream of HTTP/2 that is reset ends like any other, with a body that may be cut off.
    if (settled || readable.aborted || readable.stream?.aborted) return;
    settled = true;
    const body = chunks === undefined ? (first ?? empty) : Buffer.concat(chunks, bytes);
    // Node keeps a stream, and with it its listeners, longer than the call.
    first = chunks = undefined;
    reader.receive(body);
  });
  // Node throws the errors of a stream that nobody listens to.
  readable.on("error", ignore);
  if (Number(headers["content-length"]) > bytesMax) giveUp(bodyTooLarge(bytesMax));
  else invocation.onExpired(giveUp);
}

const empty = Buffer.alloc(0);

function ignore(): void {}

export function bodyTooLarge(bytesMax: number): ConnectError {
  return wireError(
    Code.ResourceExhausted,
    "REQUEST_TOO_LARGE",
    `a request may have at most ${bytesMax} bytes`,
  );
}
