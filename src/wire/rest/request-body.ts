import type { IncomingHttpHeaders } from "node:http";
import { Code, type ConnectError } from "@connectrpc/connect";
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
  if (Number(headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  if (!hasBody(request)) return empty;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let settled = false;
    request.on("data", (chunk: Buffer) => {
      if (settled) return;
      bytes += chunk.length;
      if (bytes > bytesMax) {
        settled = true;
        reject(tooLarge(bytesMax));
      } else {
        chunks.push(chunk);
      }
    });
    request.on("end", () => {
      settled = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
    });
    const leave = (): void => {
      if (settled) return;
      settled = true;
      reject(wireError(Code.Canceled, "CLIENT_GONE", "the client went away"));
    };
    request.on("error", leave);
    request.on("close", leave);
  });
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

function tooLarge(bytesMax: number): ConnectError {
  return wireError(
    Code.ResourceExhausted,
    "REQUEST_TOO_LARGE",
    `a request body may have at most ${bytesMax} bytes`,
  );
}
