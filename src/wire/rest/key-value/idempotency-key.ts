import type { IncomingHttpHeaders } from "node:http";
import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../../wire-error.ts";

const uuid = /^"?([\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12})"?$/i;

/**
 * Sets the request id of a write from the header Idempotency-Key, a UUID as text, in quotes or not. Throws
 * REQUEST_ID_INVALID when it is not one, and when the request has an id of its own.
 */
export function readIdempotencyKey(request: { requestId: Uint8Array }, headers: IncomingHttpHeaders): void {
  const key = headers["idempotency-key"];
  if (key === undefined) return;
  const digits = uuid.exec(String(key).trim())?.[1];
  if (digits === undefined) {
    throw invalid("Idempotency-Key is not a UUID such as 0198c5f0-3c4e-7a51-9b1d-4f6a8e2c7d03");
  }
  if (request.requestId.length > 0) {
    throw invalid("Idempotency-Key and request_id exclude each other");
  }
  request.requestId = new Uint8Array(Buffer.from(digits.replaceAll("-", ""), "hex"));
}

function invalid(message: string): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_ID_INVALID", message);
}
