import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { HttpRule } from "../../gen/google/api/http_pb.ts";
import { findFieldPath } from "../../src/wire/rest/field-path.ts";
import type { PathTemplate } from "../../src/wire/rest/path-template.ts";
import type { OpenApiConvention } from "./convention.ts";
import type { Content, Operation, Parameter, Response, Schema } from "./document.ts";
import { commonFailures, errorResponses, failureFor } from "./errors.ts";
import type { Comments, JsonSchemas } from "./json-schema.ts";
import { pathParameters, queryParameters } from "./parameters.ts";

const timeout: Parameter = {
  name: "Connect-Timeout-Ms",
  in: "header",
  required: false,
  description: "The deadline of the call, in milliseconds. What takes longer is answered with 504.",
  schema: { type: "string", pattern: "^\\d{1,10}$" },
};

/** One binding of an HTTP rule, as an operation. */
export function createOperation(
  method: DescMethod,
  rule: HttpRule,
  template: PathTemplate,
  convention: OpenApiConvention,
  schemas: JsonSchemas,
  comments: Comments,
): Operation {
  const { input } = method;
  const inPath = template.variables.flatMap(({ fieldPath }) => findFieldPath(input, fieldPath)?.at(-1) ?? []);
  const bodyField = input.fields.find(({ name }) => name === rule.body);
  const hasBody = rule.body !== "";
  const query =
    rule.body === "*" ? [] : queryParameters(input, bodyField ? [...inPath, bodyField] : inPath, schemas);
  const comment = comments.get(`${method.parent.typeName}.${method.name}`) ?? method.name;
  const [summary = comment] = comment.split(/(?<=\.) /, 1);
  const operation: Operation = {
    operationId: method.localName,
    tags: [method.parent.name],
    summary,
    ...(summary !== comment && { description: comment }),
    parameters: [...pathParameters(input, template, schemas), ...query, timeout],
    ...(hasBody && {
      requestBody: { required: true, content: requestContent(method, bodyField, inPath, schemas) },
    }),
    responses: { "200": successResponse(method, rule, schemas) },
  };
  const revised = convention.revise?.(operation, method, schemas) ?? operation;
  const failures = [
    ...(convention.reasons ?? []).map(failureFor),
    ...(convention.failures ?? []),
    ...commonFailures(hasBody),
  ];
  return { ...revised, responses: { ...revised.responses, ...errorResponses(failures) } };
}

/** HEAD is answered wherever GET is, with the same headers and no content. */
export function toHeadOperation(operation: Operation): Operation {
  const responses: Record<string, Response> = {};
  for (const [status, { description, headers }] of Object.entries(operation.responses)) {
    responses[status] = { description, ...(headers && { headers }) };
  }
  const { operationId, summary } = operation;
  return { ...operation, operationId: `${operationId}Head`, summary: `${summary} Headers only.`, responses };
}

function requestContent(
  { input }: DescMethod,
  bodyField: DescField | undefined,
  inPath: readonly DescField[],
  schemas: JsonSchemas,
): Content {
  if (bodyField !== undefined) return json(schemas.field(bodyField, "request"));
  return json(
    inPath.length === 0 ? schemas.message(input, "request") : schemas.body(input, "request", inPath),
  );
}

function successResponse({ output, methodKind }: DescMethod, rule: HttpRule, schemas: JsonSchemas): Response {
  const field = output.fields.find(({ name }) => name === rule.responseBody);
  const schema = field === undefined ? schemas.message(output, "response") : schemas.field(field, "response");
  if (methodKind === "unary") return { description: "Done.", content: json(schema) };
  return {
    description:
      "Server-Sent Events: the data of each is a message as JSON; lines that begin with a colon are signs of life. " +
      "When the server ends the stream, the last event has the type `end` and an Error as its data.",
    content: { "text/event-stream": { schema: { type: "string" }, "x-item-schema": schema } },
  };
}

function json(schema: Schema): Content {
  return { "application/json": { schema } };
}
