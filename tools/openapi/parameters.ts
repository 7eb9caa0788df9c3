import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { findFieldPath } from "../../src/wire/rest/field-path.ts";
import type { PathTemplate } from "../../src/wire/rest/path-template.ts";
import type { Parameter, Schema } from "./document.ts";
import type { JsonSchemas } from "./json-schema.ts";

/** A template as OpenAPI writes it: `/v1/key/{key}`. */
export function toOpenApiPath({ segments, variables, verb }: PathTemplate): string {
  let path = "";
  for (let index = 0; index < segments.length; ) {
    const variable = variables.find(({ from }) => from === index);
    const segment = segments[index];
    path +=
      variable === undefined
        ? `/${segment?.kind === "literal" ? segment.text : "*"}`
        : `/{${variable.fieldPath}}`;
    index = variable === undefined ? index + 1 : variable.to;
  }
  return verb === "" ? path : `${path}:${verb}`;
}

/** The variables of a path. */
export function pathParameters(
  input: DescMessage,
  { segments, variables }: PathTemplate,
  schemas: JsonSchemas,
): Parameter[] {
  return variables.map(({ fieldPath, to }) => {
    const field = findFieldPath(input, fieldPath)?.at(-1);
    if (field === undefined) throw new Error(`${input.typeName} has no field ${fieldPath}`);
    const rest = segments[to - 1]?.kind === "rest";
    const { schema, description } = described(field, schemas);
    const slashes = "Percent-encoded once. It may contain slashes, as they are or as %2F.";
    const texts = [description, rest ? slashes : undefined].filter((text) => text !== undefined);
    return {
      name: fieldPath,
      in: "path",
      required: true,
      ...(texts.length > 0 && { description: texts.join(" ") }),
      ...(rest && { "x-multi-segment": true }),
      schema,
    };
  });
}

/** The fields that a query can set, those of messages within by their path: `precondition.revision`. */
export function queryParameters(
  input: DescMessage,
  omit: readonly DescField[],
  schemas: JsonSchemas,
  within: readonly DescField[] = [],
): Parameter[] {
  return input.fields.flatMap((field): Parameter[] => {
    if (omit.includes(field)) return [];
    const path = [...within, field];
    const name = path.map((part) => part.name).join(".");
    if (findFieldPath((path[0] as DescField).parent, name) !== undefined) {
      const required = within.length === 0 && schemas.isRequired(field, "request");
      return [{ name, in: "query", required, ...described(field, schemas) }];
    }
    // A message within itself would go on for ever.
    const opens = field.fieldKind === "message" && !within.some(({ message }) => message === field.message);
    return opens ? queryParameters(field.message, omit, schemas, path) : [];
  });
}

/** A parameter is described beside its schema, not in it. */
function described(field: DescField, schemas: JsonSchemas): Pick<Parameter, "schema" | "description"> {
  const description = schemas.comment(field);
  return {
    ...(description !== undefined && { description }),
    schema: textual(schemas.type(field, "request")),
  };
}

/** A number of 64 bits in a path or query is text, whole however large; the bounds are those of numbers in JSON. */
function textual(schema: Schema): Schema {
  if (!Array.isArray(schema["type"])) return schema;
  const rest = Object.entries(schema).filter(([name]) => name !== "minimum" && name !== "maximum");
  return { ...Object.fromEntries(rest), type: "string" };
}
