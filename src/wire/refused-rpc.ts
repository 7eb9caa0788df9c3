import type { Http2ServerResponse } from "node:http2";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { type HttpRequest, type HttpResponse, isGone } from "./http-exchange.ts";
import { setGrpcStatus } from "./lane/grpc-status.ts";
import { toNodeHeaders } from "./lane/node-headers.ts";
import { answerError } from "./rest/error-answer.ts";

/**
 * Refuses an RPC before its method is known: gRPC and gRPC-Web get a response of trailers only, Connect and whatever names
 * no protocol get Connect's JSON.
 */
export function refuseRpc(request: HttpRequest, response: HttpResponse, error: ConnectError): void {
  if (isGone(response)) return;
  const contentType = request.headers["content-type"] ?? "";
  if (/^application\/grpc/i.test(contentType)) {
    const trailers = toNodeHeaders(setGrpcStatus(new Headers(), error));
    const headers = { ...trailers, "content-type": contentType };
    if ("stream" in response) {
      const { stream } = response as unknown as Http2ServerResponse;
      // The compatible response would send an empty DATA frame after its headers.
      stream.respond({ ":status": 200, ...response.getHeaders(), ...headers }, { endStream: true });
    } else {
      response.writeHead(200, headers);
      response.end();
    }
    // Nobody reads the body that may still come.
    request.resume();
  } else {
    answerError(request, response, error, statusOf(error));
  }
}

/** Connect's status, but 404 for an unknown path, which clients of all versions read as unimplemented. */
function statusOf({ code }: ConnectError): number {
  return code === Code.Unimplemented ? 404 : codeToHttpStatus(code);
}
