import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";

/** A field of 64 bits, or one whose message has such fields. */
interface WideField {
  readonly names: readonly string[];
  readonly label: string;
  /** The message of its values; undefined: they are numbers. */
  readonly message: DescMessage | undefined;
  readonly kind: DescField["fieldKind"];
}

const wideScalars: ReadonlySet<ScalarType | undefined> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);
/** Their JSON is the number itself. */
const wideWrappers: ReadonlySet<string> = new Set([
  "google.protobuf.Int64Value",
  "google.protobuf.UInt64Value",
]);

const wideFieldsByMessage = new WeakMap<DescMessage, readonly WideField[]>();

/**
 * Throws NUMBER_INEXACT for a JSON number over 2^53 - 1 in a field of 64 bits: JavaScript has rounded it already. `json` is
 * what JSON.parse makes of a message.
 */
export function checkNumbersOfJson(message: DescMessage, json: unknown): void {
  const fields = wideFieldsOf(message);
  if (fields.length === 0 || !isObject(json)) return;
  for (const field of fields) {
    for (const name of field.names) checkField(field, json[name]);
  }
}

function checkField(field: WideField, json: unknown): void {
  if (json === undefined || json === null) return;
  if (field.kind === "list" && Array.isArray(json)) for (const each of json) checkValue(field, each);
  else if (field.kind === "map" && isObject(json))
    for (const each of Object.values(json)) checkValue(field, each);
  else checkValue(field, json);
}

function checkValue({ message, label }: WideField, json: unknown): void {
  if (message !== undefined) return checkNumbersOfJson(message, json);
  if (typeof json !== "number" || !Number.isInteger(json) || Number.isSafeInteger(json)) return;
  const text = `${label} is over 2^53 - 1, where JSON numbers lose digits; send it as a string`;
  throw wireError(Code.InvalidArgument, "NUMBER_INEXACT", text);
}

function wideFieldsOf(message: DescMessage): readonly WideField[] {
  let fields = wideFieldsByMessage.get(message);
  if (fields !== undefined) return fields;
  // Set first, so that the search ends in a message that contains itself.
  wideFieldsByMessage.set(message, []);
  fields = message.fields.flatMap((field) => {
    const inner = field.fieldKind === "message" || field.fieldKind === "list" || field.fieldKind === "map";
    const valueMessage = inner ? field.message : undefined;
    const isNumber = wideScalars.has(field.scalar) || wideWrappers.has(valueMessage?.typeName ?? "");
    const isWide = isNumber || (valueMessage !== undefined && isRelevant(valueMessage, message));
    if (!isWide) return [];
    const names = [...new Set([field.name, field.jsonName])];
    return [
      { names, label: field.name, message: isNumber ? undefined : valueMessage, kind: field.fieldKind },
    ];
  });
  wideFieldsByMessage.set(message, fields);
  return fields;
}

function isRelevant(message: DescMessage, parent: DescMessage): boolean {
  return message === parent || wideFieldsOf(message).length > 0;
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null;
}
