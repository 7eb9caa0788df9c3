import {
  create,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { BackwardWriter } from "./backward-writer.ts";
import { isUnwrapped } from "./unwrapped-field.ts";

/** Writes a message, from its last field to its first. */
type Encoder = (message: MessageInitShape<DescMessage>) => void;

type Kind = "string" | "bytes" | "bool" | "int32" | "int64" | "message";

const writer = new BackwardWriter();

/**
 * Encodes a message as protobuf, after `headroom` bytes that are left for the caller to fill; what a message can be made
 * of will do. protobuf-es allocates and cuts a buffer for each message, which costs more than all else in a small answer;
 * whatever this does not know, it leaves to protobuf-es.
 */
export function encodeBinary(
  message: DescMessage,
  value: MessageInitShape<DescMessage>,
  headroom = 0,
): Buffer {
  writer.begin();
  encoderOf(message)(value);
  return writer.finish(headroom);
}

const encoders = new WeakMap<DescMessage, Encoder>();

function encoderOf(message: DescMessage): Encoder {
  const found = encoders.get(message);
  if (found !== undefined) return found;
  const library: Encoder = (value) => writer.raw(toBinary(message, create(message, value)));
  // Where a message contains itself, that one is left to protobuf-es.
  encoders.set(message, library);
  const encoder = compile(message, library);
  encoders.set(message, encoder);
  return encoder;
}

/**
 * The encoder as JavaScript, since a loop over descriptions of fields takes twice the time: where each field has a place
 * in the code, V8 knows where it is in the object. All of the source comes of the descriptor. A message with a field that
 * is not known here, or that has unknown fields, goes to the library.
 */
function compile(message: DescMessage, library: Encoder): Encoder {
  const nested: Record<string, Encoder> = {};
  const statements: string[] = [];
  for (const field of message.fields.toSorted((a, b) => b.number - a.number)) {
    const kind = kindOf(field);
    if (kind === undefined) return library;
    if (field.message !== undefined) nested[field.localName] = encoderOf(field.message);
    statements.push(fieldStatement(field, kind));
  }
  const source = `
    return (message) => {
      if (message.$unknown !== undefined) return library(message);
      let value;
      ${statements.join("\n")}
    };`;
  // oxlint-disable-next-line no-implied-eval -- nothing of it comes from a request
  return new Function("writer", "nested", "library", source)(writer, nested, library);
}

function fieldStatement(field: DescField, kind: Kind): string {
  const name = JSON.stringify(field.localName);
  const isVarint = kind === "bool" || kind === "int32" || kind === "int64";
  const write = (value: string) =>
    `${valueStatement(kind, name, value)} writer.varint(${field.number * 8 + (isVarint ? 0 : 2)});`;
  const read = `value = message[${name}];`;
  if (field.fieldKind === "list") {
    return `${read} if (value) for (let at = value.length - 1; at >= 0; at--) { ${write("value[at]")} }`;
  }
  return `${read} if (${conditionOf(field, kind, name)}) { ${write("value")} }`;
}

function valueStatement(kind: Kind, name: string, value: string): string {
  switch (kind) {
    case "message":
      return `{ const before = writer.length; nested[${name}](${value}); writer.varint(writer.length - before); }`;
    case "bool":
      return `writer.varint(${value} ? 1 : 0);`;
    case "int32":
      return `writer.varint(${value});`;
    case "string":
    case "bytes":
    case "int64":
      return `writer.${kind}(${value});`;
  }
}

/** When a field is written: without presence not if it has its default, and a default of the prototype is no value. */
function conditionOf(field: DescField, kind: Kind, name: string): string {
  if (field.presence === FeatureSet_FieldPresence.IMPLICIT)
    return kind === "bytes" ? "value?.length" : "value";
  const empty = create(field.parent) as unknown as Record<string, unknown>;
  const isSet = "value !== undefined";
  return empty[field.localName] === undefined ? isSet : `${isSet} && Object.hasOwn(message, ${name})`;
}

function kindOf(field: DescField): Kind | undefined {
  const isList = field.fieldKind === "list";
  if (field.fieldKind === "map" || field.oneof !== undefined || isUnwrapped(field)) return undefined;
  if ("longAsString" in field && field.longAsString) return undefined;
  if ("delimitedEncoding" in field && field.delimitedEncoding) return undefined;
  if (field.message !== undefined) return "message";
  const kind = field.enum === undefined ? scalarKinds[field.scalar] : "int32";
  const isText = kind === "string" || kind === "bytes";
  return isList && !isText ? undefined : kind;
}

const scalarKinds: Partial<Record<ScalarType, Kind>> = {
  [ScalarType.STRING]: "string",
  [ScalarType.BYTES]: "bytes",
  [ScalarType.BOOL]: "bool",
  [ScalarType.INT32]: "int32",
  [ScalarType.UINT32]: "int32",
  [ScalarType.INT64]: "int64",
  [ScalarType.UINT64]: "int64",
};
