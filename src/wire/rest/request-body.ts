import type { IncomingHttpHeaders } from "node:http";
import { Code } from "@connectrpc/connect";
import { bodyTooLarge, collectBody } from "../body.ts";
import type { HttpRequest } from "../http-exchange.ts";
import { wireError } from "../wire-error.ts";

const empty = Buffer.alloc(0);

/** Whether a request comes with a body, as far as its headers tell. */
function hasBody(request: HttpRequest): boolean {
  const { headers } = request;
  if (request.httpVersionMajor === 2)
    return !(request as { stream?: { endAfterHeaders: boolean } }).stream?.endAfterHeaders;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/**
 * Reads a whole body. Rejects with REQUEST_TOO_LARGE as soon as it is known to be over `bytesMax`, with
 * ENCODING_UNSUPPORTED when it is compressed, and with canceled when the client leaves. The rest of a body that is too
 * large is not read: see error-answer.ts.
 */
export function readBody(request: HttpRequest, bytesMax: number): Promise<Buffer> | Buffer {
  const { headers } = request;
  checkEncoding(headers);
  if (Number(headers["content-length"] ?? 0) > bytesMax) throw bodyTooLarge(bytesMax);
  if (!hasBody(request)) return empty;
  return collectBody(request, bytesMax);
}

function checkEncoding(headers: IncomingHttpHeaders): void {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding.toLowerCase() === "identity") return;
  throw wireError(
    Code.InvalidArgument,
    "ENCODING_UNSUPPORTED",
    "a request body must come without content-encoding",
  );
}
