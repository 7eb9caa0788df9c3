import { Code } from "@connectrpc/connect";
import document from "../../gen/openapi.json" with { type: "json" };
import type { Exchange } from "./call/exchange.ts";
import { respondWithError } from "./rest/error-response.ts";
import { type OnError, wireError } from "./wire-error.ts";

/** Where the OpenAPI document of the REST routes is served. */
export const openApiPath = "/v1/openapi.json";

/** Responds to every request for the document. */
export function createOpenApiHandler(onError: OnError): (exchange: Exchange) => void {
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
    exchange.respond(200, { "content-type": "application/json" }, body);
  };
}
