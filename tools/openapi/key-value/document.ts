import { comments } from "../../../gen/duetkv/v1/key_value_comments.ts";
import { KeyValueService } from "../../../gen/duetkv/v1/key_value_pb.ts";
import { comments as statusComments } from "../../../gen/duetkv/v1/status_comments.ts";
import { StatusService } from "../../../gen/duetkv/v1/status_pb.ts";
import packageJson from "../../../package.json" with { type: "json" };
import type { OpenApiDocument } from "../document.ts";
import { createOpenApi } from "../openapi.ts";
import { statusOpenApiConventions } from "../status/conventions.ts";
import { keyValueConstraints } from "./constraints.ts";
import { keyValueOpenApiConventions } from "./conventions.ts";

const description = `A key-value store: the REST side of the gRPC services \`${KeyValueService.typeName}\` and \`${StatusService.typeName}\`.

- Names in queries and in JSON bodies may be written as in the contract (\`page_size\`) or as in JSON (\`pageSize\`); JSON
  answers have the latter. Unknown ones are refused. Enums in a query may be written in lower case.
- 64-bit numbers are strings in JSON answers. Revisions count from 1.
- Every error has a JSON body with a code, a message and \`google.rpc.ErrorInfo\`, whose reason programs can rely on.
- Other methods than those here are answered with 405 and \`Allow\`.`;

/** The OpenAPI document of the contract. */
export function createKeyValueOpenApi(): OpenApiDocument {
  return createOpenApi([KeyValueService, StatusService], {
    title: "Duet KV",
    version: packageJson.version,
    description,
    conventions: new Map([...keyValueOpenApiConventions, ...statusOpenApiConventions]),
    constraints: keyValueConstraints,
    comments: new Map([...comments, ...statusComments]),
  });
}
