import { Code } from "@connectrpc/connect";
import document from "../../gen/openapi.json" with { type: "json" };
import type { CallOptions } from "./call/call.ts";
import { respondEncoded } from "./call/content-encoding.ts";
import type { Exchange } from "./call/exchange.ts";
import { respondWithError } from "./rest/error-response.ts";
import { wireError } from "./wire-error.ts";

/** Where the OpenAPI document of the REST routes is served. */
export const openApiPath = "/v1/openapi.json";

/** Responds to every request for the document. */
export function createOpenApiHandler({
  onError,
  log,
  compression,
}: CallOptions): (exchange: Exchange) => void {
  let body: Buffer | undefined;
  return (exchange) => {
    const { method } = exchange;
    if (method !== "GET" && method !== "HEAD") {
      const message = `${method} is not allowed here; allowed: GET, HEAD`;
      const error = wireError(Code.Unimplemented, "METHOD_NOT_ALLOWED", message);
      onError("", error);
      return respondWithError(exchange, error, undefined, { allow: "GET, HEAD" });
    }
    body ??= Buffer.from(JSON.stringify(document));
    const headers = { "content-type": "application/json" };
    respondEncoded(exchange, compression, 200, headers, body)?.catch((error: unknown) => {
      log.error({ err: error }, "response could not be written");
      exchange.abort();
    });
  };
}
