import { Code } from "@connectrpc/connect";
import document from "../../gen/openapi.json" with { type: "json" };
import type { HttpRequest, HttpResponse } from "./http-exchange.ts";
import { answerError } from "./rest/error-answer.ts";
import { wireError } from "./wire-error.ts";

/** Where the OpenAPI document of the REST routes is served. */
export const openApiPath = "/v1/openapi.json";

/** Answers every request for the document. */
export function createOpenApiHandler(): (request: HttpRequest, response: HttpResponse) => void {
  let body: Buffer | undefined;
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const message = `${request.method} is not allowed here; allowed: GET, HEAD`;
      const error = wireError(Code.Unimplemented, "METHOD_NOT_ALLOWED", message);
      return answerError(request, response, error, undefined, { allow: "GET, HEAD" });
    }
    body ??= Buffer.from(JSON.stringify(document));
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    if (request.method === "HEAD") response.end();
    else response.end(body);
  };
}
