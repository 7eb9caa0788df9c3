import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";

/** The error for a request whose bytes are over a budget: of its connection, or of all of them. */
export function overloaded(): ConnectError {
  const message = "requests and responses under way hold too many bytes (--inflight-bytes-max); try again";
  return wireError(Code.Unavailable, "OVERLOADED", message);
}
