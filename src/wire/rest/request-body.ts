import type { IncomingHttpHeaders } from "node:http";
import { Code } from "@connectrpc/connect";
import { type BodyReader, readBody } from "../body.ts";
import type { HttpRequest } from "../http-exchange.ts";
import type { Invocation } from "../invocation.ts";
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
 * Reads the body of a call as `readBody` does, and at once when there is none. Throws ENCODING_UNSUPPORTED when it is
 * compressed.
 */
export function readRequestBody(
  request: HttpRequest,
  bytesMax: number,
  invocation: Invocation,
  reader: BodyReader,
): void {
  checkEncoding(request.headers);
  if (hasBody(request)) readBody(request, request.headers, bytesMax, invocation, reader);
  else reader.receive(empty);
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
