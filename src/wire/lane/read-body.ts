import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { bodyTooLarge, collectBody } from "../body.ts";

/** Reads a whole body, as `collectBody` does, and refuses one that its `content-length` already tells to be too large. */
export function readBody(
  readable: Readable,
  headers: IncomingHttpHeaders,
  bytesMax: number,
): Promise<Buffer> {
  const body = collectBody(readable, bytesMax);
  if (!(Number(headers["content-length"]) > bytesMax)) return body;
  body.catch(() => {});
  return Promise.reject(bodyTooLarge(bytesMax));
}
