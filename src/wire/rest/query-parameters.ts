import { type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";
import { type FieldPath, findFieldPath, setFieldFromText, textualFieldNames } from "./field-path.ts";
import { decodePercent } from "./percent-decoding.ts";

/**
 * Maps the parameters of a query to fields of a message. Throws REQUEST_MALFORMED that names the parameter when it is
 * unknown, badly typed, given twice without being repeated, or contradicts another one or the path (`boundByPath`).
 */
export function setFieldsFromQuery(
  schema: DescMessage,
  message: Message,
  query: string,
  boundByPath: readonly FieldPath[],
): void {
  const claims = new Map<string, string>();
  for (const path of boundByPath) claim(claims, path);
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decodeFormText(equals === -1 ? pair : pair.slice(0, equals));
    const value = decodeFormText(equals === -1 ? "" : pair.slice(equals + 1));
    if (name === undefined) throw malformed("a name in the query is not percent-encoded UTF-8");
    if (value === undefined) throw malformed(`${quote(name)} is not percent-encoded UTF-8`);
    const path = findFieldPath(schema, name);
    if (path === undefined) throw malformed(describeUnknown(schema, name, boundByPath));
    if (!claim(claims, path)) {
      throw malformed(`query parameter ${quote(name)} is given twice or contradicts another parameter`);
    }
    try {
      setFieldFromText(schema, message, path, value);
    } catch {
      throw malformed(`query parameter ${quote(name)} must be ${describeType(path)}`);
    }
  }
}

/** Notes that a field is set and which members its oneofs have; false when that contradicts what is noted. */
function claim(claims: Map<string, string>, path: FieldPath): boolean {
  let place = "";
  for (const field of path) {
    const { oneof } = field;
    if (oneof !== undefined) {
      const other = claims.get(`${place}(${oneof.name})`);
      if (other !== undefined && other !== field.name) return false;
      claims.set(`${place}(${oneof.name})`, field.name);
    }
    place += `${field.name}.`;
    // Also when it is a whole message, set by the body, that this field is a part of.
    if (claims.has(place) && field.fieldKind !== "list") return false;
  }
  claims.set(place, "");
  return true;
}

function decodeFormText(raw: string): string | undefined {
  return decodePercent(raw.includes("+") ? raw.replaceAll("+", " ") : raw);
}

function describeUnknown(schema: DescMessage, name: string, boundByPath: readonly FieldPath[]): string {
  const bound = boundByPath.map((path) => path.map((field) => field.name).join("."));
  const known = textualFieldNames(schema).filter((field) => !bound.includes(field));
  const what = `unknown query parameter ${quote(name)}`;
  return known.length === 0
    ? `${what}; there are none here`
    : `${what}; the parameters are ${known.join(", ")}`;
}

function describeType(path: FieldPath): string {
  const field = path.at(-1);
  if (field?.enum !== undefined) return `one of ${field.enum.values.map(({ name }) => name).join(", ")}`;
  if (field?.message !== undefined) return messageFormats[field.message.name] ?? `a ${field.message.name}`;
  if (field?.scalar === ScalarType.BOOL) return "true or false";
  if (field?.scalar === ScalarType.STRING) return "text";
  return field?.scalar === ScalarType.BYTES ? "base64" : "a whole number in range";
}

const messageFormats: Readonly<Record<string, string>> = {
  Duration: "a number of seconds with the unit s, such as 60s",
  Timestamp: "a time such as 2030-01-31T12:00:00Z",
};

function quote(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

function malformed(message: string): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
}
