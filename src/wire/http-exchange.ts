import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** A request of either HTTP version, as Node's `request` event gives it. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** Its response. The three methods are typed once, since those of the two versions do not overlap for TypeScript. */
export type HttpResponse = Omit<ServerResponse | Http2ServerResponse, "writeHead" | "write" | "end"> & {
  writeHead(status: number, headers?: OutgoingHttpHeaders): unknown;
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array): unknown;
};

/** Whether nobody can receive this response any more. */
export function isGone(response: HttpResponse): boolean {
  return "stream" in response
    ? ((response as unknown as Http2ServerResponse).stream?.destroyed ?? true)
    : (response as unknown as ServerResponse).closed;
}
