import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import type { Exchange } from "./call/exchange.ts";
import { toNodeHeaders } from "./call/node-headers.ts";
import { setGrpcStatus } from "./grpc/status.ts";
import { respondWithError } from "./rest/error-response.ts";

/**
 * Refuses an RPC before its method is known: gRPC and gRPC-Web get a response of trailers only, Connect and whatever names
 * no protocol get Connect's JSON.
 */
export function refuseRpc(exchange: Exchange, error: ConnectError): void {
  const contentType = exchange.headers["content-type"] ?? "";
  if (/^application\/grpc/i.test(contentType)) {
    const trailers = toNodeHeaders(setGrpcStatus(new Headers(), error));
    exchange.respond(200, { ...trailers, "content-type": contentType }, "");
  } else {
    respondWithError(exchange, error, statusOf(error));
  }
}

/** Connect's status, but 404 for an unknown path, which clients of all versions read as unimplemented. */
function statusOf({ code }: ConnectError): number {
  return code === Code.Unimplemented ? 404 : codeToHttpStatus(code);
}
