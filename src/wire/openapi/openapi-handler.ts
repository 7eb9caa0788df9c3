import { Code } from "@connectrpc/connect";
import type { HttpRequest, HttpResponse } from "../http-exchange.ts";
import { answerError } from "../rest/error-answer.ts";
import { wireError } from "../wire-error.ts";
import type { OpenApiDocument } from "./document.ts";

/** Where the document is served. */
export const openApiPath = "/v1/openapi.json";

/** Answers every request for the document. It is made when it is first asked for. */
export function createOpenApiHandler(
  createDocument: () => OpenApiDocument,
): (request: HttpRequest, response: HttpResponse) => void {
  let body: Buffer | undefined;
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const message = `${request.method} is not among the methods here: GET, HEAD`;
      const error = wireError(Code.Unimplemented, "METHOD_NOT_ALLOWED", message);
      return answerError(request, response, error, undefined, { allow: "GET, HEAD" });
    }
    body ??= Buffer.from(JSON.stringify(createDocument()));
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    if (request.method === "HEAD") response.end();
    else response.end(body);
  };
}
