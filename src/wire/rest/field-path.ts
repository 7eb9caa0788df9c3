import type { DescField, DescMessage, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { mergeFromJson, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

/** The fields from a message down to one that a parameter of a URL can set. Not empty. */
export type FieldPath = readonly DescField[];

/** Messages whose JSON is a string. */
const stringLikeMessages = new Set([
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
]);

/** Finds `a.b.c`, each name as in the proto file or as in JSON. Undefined when no such field can be set by a URL. */
export function findFieldPath(message: DescMessage, dotted: string): FieldPath | undefined {
  const path: DescField[] = [];
  let parent: DescMessage | undefined = message;
  for (const name of dotted.split(".")) {
    const field: DescField | undefined = parent?.fields.find((f) => f.name === name || f.jsonName === name);
    if (field === undefined) return undefined;
    path.push(field);
    parent = field.fieldKind === "message" ? field.message : undefined;
  }
  const last = path.at(-1);
  return last !== undefined && isTextual(last) ? path : undefined;
}

/** The names of the fields that a parameter of a URL can set, down to those of messages in `depth` messages. */
export function textualFieldNames(message: DescMessage, depth = 2): string[] {
  return message.fields.flatMap((field) => {
    if (isTextual(field)) return [field.name];
    if (field.fieldKind !== "message" || depth === 0) return [];
    return textualFieldNames(field.message, depth - 1).map((name) => `${field.name}.${name}`);
  });
}

function isTextual(field: DescField): boolean {
  if (field.fieldKind === "map") return false;
  return (
    field.message === undefined ||
    stringLikeMessages.has(field.message.typeName) ||
    isWrapperDesc(field.message)
  );
}

/** Sets a field from the text of a parameter by the rules of protobuf JSON; appends if it is repeated. Throws if it cannot. */
export function setFieldFromText(root: DescMessage, message: Message, path: FieldPath, text: string): void {
  const last = path.at(-1);
  if (last === undefined) throw new Error("a field path is never empty");
  let json: JsonValue = toJsonValue(last, text);
  if (last.fieldKind === "list") json = [json];
  for (const field of path.toReversed()) json = { [field.name]: json } satisfies JsonObject;
  mergeFromJson(root, message, json);
}

/** How JSON would write what a URL writes as text. */
function toJsonValue(field: DescField, text: string): JsonValue {
  if (field.enum !== undefined) {
    if (/^-?\d+$/.test(text)) return Number(text);
    // URLs are written by hand: ?consistency=local
    return field.enum.values.find((v) => v.name.toLowerCase() === text.toLowerCase())?.name ?? text;
  }
  const scalar = field.scalar ?? (field.message && wrappedScalar(field.message));
  if (scalar !== ScalarType.BOOL) return text;
  if (text === "true") return true;
  if (text === "false") return false;
  throw new Error("expected true or false");
}

function wrappedScalar(message: DescMessage): ScalarType | undefined {
  return isWrapperDesc(message) ? message.fields[0].scalar : undefined;
}
