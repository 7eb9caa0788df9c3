import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc, FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import type { Schema } from "./document.ts";

/** Which way messages travel: requests may leave fields out and name no others, responses name all that have no presence. */
export type Direction = "request" | "response";

/** The comments of a contract by full name. */
export type Comments = ReadonlyMap<string, string>;

/** Constraints of requests in addition to their types. Keys of both maps are full names. */
export interface Constraints {
  readonly fields: ReadonlyMap<string, FieldConstraint>;
  /** Added to the schema of a message. */
  readonly messages: ReadonlyMap<string, Schema>;
}

interface FieldConstraint {
  /** Default: false. */
  readonly required?: boolean;
  /** Added to the schema of the field. */
  readonly schema?: Schema;
}

const unconstrained: Constraints = { fields: new Map(), messages: new Map() };

/** Makes JSON Schemas of protobuf types, as protobuf JSON writes them. Named types are collected as components. */
export class JsonSchemas {
  readonly components: Record<string, Schema> = {};
  readonly #comments: Comments;
  readonly #constraints: Constraints;
  readonly #names = new Map<string, string>();

  constructor(comments: Comments, constraints: Constraints = unconstrained) {
    this.#comments = comments;
    this.#constraints = constraints;
  }

  /** A reference to the schema of a message; the schema itself where JSON knows the message as something simpler. */
  message(message: DescMessage, direction: Direction): Schema {
    const known = wellKnown(message, direction);
    if (known !== undefined) return known;
    return this.#component(`${message.typeName} ${direction}`, message, () => this.body(message, direction));
  }

  /** The schema of a message without some of its fields. */
  body(message: DescMessage, direction: Direction, omit: readonly DescField[] = []): Schema {
    const fields = message.fields.filter((field) => !omit.includes(field));
    const required = fields
      .filter((field) => this.isRequired(field, direction))
      .map(({ jsonName }) => jsonName);
    return {
      type: "object",
      ...describe(this.#comments.get(message.typeName)),
      properties: Object.fromEntries(
        fields.map((field) => [field.jsonName, this.#property(field, direction)]),
      ),
      ...(required.length > 0 && { required }),
      ...exclusions(message),
      ...(direction === "request" && {
        additionalProperties: false,
        ...this.#constraints.messages.get(message.typeName),
      }),
    };
  }

  isRequired(field: DescField, direction: Direction): boolean {
    if (direction === "response") return field.presence === Presence.IMPLICIT;
    return this.#constraints.fields.get(fullName(field))?.required === true;
  }

  /** In a request, null stands for a field that is not set. */
  #property(field: DescField, direction: Direction): Schema {
    const schema = this.type(field, direction);
    // Protobuf-es counts the null of a message as a member of its oneof, and refuses another one beside it.
    const inOneof = field.oneof !== undefined && field.fieldKind !== "scalar";
    const nullable = direction === "request" && !this.isRequired(field, direction) && !inOneof;
    return { ...(nullable ? orNull(schema) : schema), ...describe(this.comment(field)) };
  }

  field(field: DescField, direction: Direction): Schema {
    return { ...this.type(field, direction), ...describe(this.comment(field)) };
  }

  comment(field: DescField): string | undefined {
    return this.#comments.get(fullName(field));
  }

  /** The schema of a field, without its description and without null. */
  type(field: DescField, direction: Direction): Schema {
    const constraint = direction === "request" ? this.#constraints.fields.get(fullName(field))?.schema : {};
    const single = this.#single(field, direction);
    if (field.fieldKind === "list") return { type: "array", items: single, ...constraint };
    const schema = field.fieldKind === "map" ? { type: "object", additionalProperties: single } : single;
    return { ...schema, ...constraint };
  }

  #single(
    type: { readonly message?: unknown; readonly enum?: unknown; readonly scalar?: unknown },
    direction: Direction,
  ): Schema {
    if (type.message !== undefined) return this.message(type.message as DescMessage, direction);
    if (type.enum !== undefined) {
      const names = this.#enumeration(type.enum as DescEnum);
      // Requests may also have numbers, and unknown ones stand for the default.
      return direction === "response" ? names : { anyOf: [names, { type: "integer", format: "int32" }] };
    }
    return scalarSchema(type.scalar as ScalarType, direction);
  }

  #enumeration(enumeration: DescEnum): Schema {
    return this.#component(enumeration.typeName, enumeration, () => {
      const values = enumeration.values.map((value) => {
        const comment = this.#comments.get(`${enumeration.typeName}.${value.name}`);
        return comment === undefined ? value.name : `${value.name}: ${comment}`;
      });
      return {
        type: "string",
        description: [this.#comments.get(enumeration.typeName), ...values].filter(Boolean).join("\n"),
        enum: enumeration.values.map(({ name }) => name),
      };
    });
  }

  #component(id: string, type: DescMessage | DescEnum, make: () => Schema): Schema {
    let name = this.#names.get(id);
    if (name === undefined) {
      const short = type.typeName.slice(
        type.file.proto.package === "" ? 0 : type.file.proto.package.length + 1,
      );
      // The same message may travel both ways, and two packages may use one name.
      name = [short, type.typeName, id.replace(" ", ".")].find(
        (candidate) => !(candidate in this.components),
      );
      if (name === undefined) throw new Error(`${type.typeName} has no name left`);
      this.#names.set(id, name);
      // Taken before it is made, since messages may contain themselves.
      this.components[name] = {};
      this.components[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}

function fullName(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}

function orNull(schema: Schema): Schema {
  const { type } = schema;
  if (type !== undefined) return { ...schema, type: [type, "null"].flat() };
  return Object.keys(schema).length === 0 ? schema : { anyOf: [schema, { type: "null" }] };
}

/** Holds for objects in which a property is set: it is there, and not null. */
export function isSet(name: string): Schema {
  return { required: [name], properties: { [name]: { not: { type: "null" } } } };
}

/** Holds for objects in which at most one of two properties is set. */
export function notBoth(one: string, other: string): Schema {
  return { not: { allOf: [isSet(one), isSet(other)] } };
}

/** At most one member of a oneof is set. */
function exclusions(message: DescMessage): Schema {
  const pairs = message.oneofs.flatMap(({ fields }) =>
    fields.flatMap((one, index) =>
      fields.slice(index + 1).map((other) => notBoth(one.jsonName, other.jsonName)),
    ),
  );
  return pairs.length === 0 ? {} : { allOf: pairs };
}

const wellKnownSchemas: Readonly<Record<string, Schema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?\\d+(\\.\\d{1,9})?s$", examples: ["60s"] },
  "google.protobuf.FieldMask": { type: "string" },
  "google.protobuf.Empty": { type: "object" },
  "google.protobuf.Any": { type: "object", properties: { "@type": { type: "string" } } },
  "google.protobuf.Struct": { type: "object" },
  "google.protobuf.ListValue": { type: "array" },
  "google.protobuf.Value": {},
};

function wellKnown(message: DescMessage, direction: Direction): Schema | undefined {
  if (!isWrapperDesc(message)) return wellKnownSchemas[message.typeName];
  return { anyOf: [scalarSchema(message.fields[0].scalar, direction), { type: "null" }] };
}

function scalarSchema(scalar: ScalarType, direction: Direction): Schema {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: "integer", format: "int32" };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", format: "uint32", minimum: 0 };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { ...longType(direction), format: "int64", pattern: "^-?\\d{1,19}$" };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return {
        ...longType(direction),
        ...(direction === "request" && { minimum: 0 }),
        format: "uint64",
        pattern: "^\\d{1,20}$",
      };
  }
}

/** Responses have strings. Requests may have numbers as far as they are exact in JSON. */
function longType(direction: Direction): Schema {
  if (direction === "response") return { type: "string" };
  return {
    type: ["string", "integer"],
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
  };
}

function describe(description: string | undefined): Schema {
  return description === undefined ? {} : { description };
}
