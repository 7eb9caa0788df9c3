import type { DescMessage, Message } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";
import { type FieldPath, findFieldPath, setFieldFromText } from "./field-path.ts";
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
    if (path === undefined) throw malformed(`there is no query parameter ${quote(name)} here`);
    if (!claim(claims, path)) {
      throw malformed(`${quote(name)} is given twice, or together with what it excludes`);
    }
    try {
      setFieldFromText(schema, message, path, value);
    } catch {
      throw malformed(`${quote(name)} is not a valid ${describeType(path)}`);
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

function describeType(path: FieldPath): string {
  const field = path.at(-1);
  return field?.message?.name ?? field?.enum?.name ?? "value for its type";
}

function quote(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

function malformed(message: string): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
}
