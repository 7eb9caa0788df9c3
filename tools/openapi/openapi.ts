import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../gen/google/api/http_pb.ts";
import { parsePathTemplate } from "../../src/wire/rest/path-template.ts";
import type { OpenApiConventions } from "./convention.ts";
import type { OpenApiDocument, Operation, PathItem } from "./document.ts";
import { errorSchema } from "./errors.ts";
import { type Comments, type Constraints, JsonSchemas } from "./json-schema.ts";
import { createOperation, toHeadOperation } from "./operation.ts";
import { toOpenApiPath } from "./parameters.ts";

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** Default: none. */
  readonly conventions?: OpenApiConventions;
  /** Default: none. */
  readonly constraints?: Constraints;
  /** The texts for descriptions. Default: none. */
  readonly comments?: Comments;
}

/**
 * Describes the REST side of services: the google.api.http rules of their methods, and what the conventions say beside
 * them. Throws when a rule makes no sense.
 */
export function createOpenApi(services: readonly DescService[], options: OpenApiOptions): OpenApiDocument {
  const comments = options.comments ?? new Map<string, string>();
  const schemas = new JsonSchemas(comments, options.constraints);
  schemas.components["Error"] = errorSchema;
  const paths: Record<string, Record<string, Operation>> = {};
  for (const method of services.flatMap(({ methods }) => methods)) {
    for (const [index, rule] of bindings(method).entries()) {
      const { verb, path } = methodAndPath(rule);
      const template = parsePathTemplate(path);
      const convention = options.conventions?.get(`${method.parent.typeName}.${method.name}`) ?? {};
      const made = createOperation(method, rule, template, convention, schemas, comments);
      const operation = index === 0 ? made : { ...made, operationId: `${made.operationId}${index + 1}` };
      const item = (paths[toOpenApiPath(template)] ??= {});
      item[verb] = operation;
      if (verb === "get" && method.methodKind === "unary") item["head"] ??= toHeadOperation(operation);
    }
  }
  return {
    openapi: "3.1.1",
    info: {
      title: options.title,
      version: options.version,
      description: options.description,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [
      { url: "/", description: "The server that this document came from." },
      { url: "http://localhost:8080", description: "A server with the default configuration." },
    ],
    security: [{}, { clientCertificate: [] }],
    tags: services.map(({ name, typeName }) => ({ name, description: comments.get(typeName) ?? typeName })),
    paths: paths satisfies Record<string, PathItem>,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        clientCertificate: {
          type: "mutualTLS",
          description: "A server with --tls-client-ca demands a certificate that this authority signed.",
        },
      },
    },
  };
}

/** The rules of a method; none when it has none or its client streams, for then REST does not reach it. */
function bindings(method: DescMethod): readonly HttpRule[] {
  const streams = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  if (streams || !hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings];
}

function methodAndPath({ pattern }: HttpRule): { readonly verb: string; readonly path: string } {
  if (pattern.case === undefined) throw new Error("an HTTP rule has no path");
  if (pattern.case === "custom") return { verb: pattern.value.kind.toLowerCase(), path: pattern.value.path };
  return { verb: pattern.case, path: pattern.value };
}
