import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";

/** The error for a request, or one of its messages, over its limit. */
export function bodyTooLarge(bytesMax: number): ConnectError {
  return wireError(
    Code.ResourceExhausted,
    "REQUEST_TOO_LARGE",
    `a request may have at most ${bytesMax} bytes`,
  );
}
