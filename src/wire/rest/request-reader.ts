import type { IncomingHttpHeaders } from "node:http";
import {
  create,
  type DescMessage,
  fromJsonString,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { RequestTarget } from "../call/request-target.ts";
import { describeJsonFault } from "../json-fault.ts";
import { checkJson, type ListLimits } from "../protobuf/codecs.ts";
import { wireError } from "../wire-error.ts";
import { type FieldPath, setFieldFromText } from "./field-path.ts";
import type { BoundRule } from "./http-rule.ts";
import { decodePercent } from "./percent-decoding.ts";
import { setFieldsFromQuery } from "./query-parameters.ts";
import type { RouteMatch } from "./route-tree.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

interface ReadOptions {
  /** The types that JSON names. */
  readonly registry: Registry;
  readonly listLimits: ListLimits;
}

/**
 * Builds the request message from body, path, query and headers. Throws an error of the wire when one of them is not what
 * the HTTP rule says. `content` is empty for a rule that takes no body.
 */
export function readRequest(
  match: RouteMatch<BoundRule>,
  headers: IncomingHttpHeaders,
  { path, query }: RequestTarget,
  content: Buffer,
  options: ReadOptions,
): Message {
  const { route } = match;
  const { convention, body } = route;
  const { input } = route.entry.spec.method;
  const raw = body !== undefined && convention.takesRawBody?.(headers) === true;
  const isJson = body !== undefined && !raw;
  const message = isJson ? readJsonBody(route, content, headers["content-type"], options) : create(input);
  if (raw) convention.readRawBody?.(message, content, headers);
  bindPath(match, message, path);
  if (query !== "") bindQuery(route, message, query, raw);
  convention.readHeaders?.(message, headers);
  return message;
}

function bindPath({ route, starts }: RouteMatch<BoundRule>, message: Message, path: string): void {
  for (const { path: fields, from, to } of route.variables) {
    const end = to < starts.length ? (starts[to] as number) - 1 : path.length - route.verbLength;
    const text = decodePercent(path.slice(starts[from], end));
    if (text === undefined) {
      const reason = route.convention.pathReason ?? "REQUEST_MALFORMED";
      throw wireError(
        Code.InvalidArgument,
        reason,
        `${dotted(fields)} in the path is not percent-encoded UTF-8`,
      );
    }
    setFromPath(route.entry.spec.method.input, message, fields, text);
  }
}

function setFromPath(input: DescMessage, message: Message, fields: FieldPath, text: string): void {
  const before = fields.length === 1 ? singularString(message, fields) : undefined;
  if (before !== undefined && before !== "" && before !== text) {
    throw malformed(`${dotted(fields)} is given by the path and must not differ in the body`);
  }
  if (before !== undefined) {
    (message as unknown as Record<string, unknown>)[fields[0]?.localName ?? ""] = text;
    return;
  }
  try {
    setFieldFromText(input, message, fields, text);
  } catch {
    throw malformed(`${dotted(fields)} in the path is not valid`);
  }
}

/** The value of a field that is a plain string of the message itself: by far the most common variable. */
function singularString(message: Message, fields: FieldPath): string | undefined {
  const field = fields[0];
  if (field === undefined || field.fieldKind !== "scalar" || field.oneof !== undefined) return undefined;
  const value = (message as unknown as Record<string, unknown>)[field.localName];
  return typeof value === "string" ? value : undefined;
}

function bindQuery(route: BoundRule, message: Message, query: string, raw: boolean): void {
  if (route.body === "all" && !raw) {
    throw malformed("the body carries every field of this request: query parameters are not taken beside it");
  }
  const bound = route.body === undefined || route.body === "all" ? route.rawBodyPaths : [[route.body]];
  setFieldsFromQuery(route.entry.spec.method.input, message, query, [...route.variablePaths, ...bound]);
}

function readJsonBody(
  route: BoundRule,
  content: Buffer,
  contentType: string | undefined,
  { registry, listLimits }: ReadOptions,
): Message {
  const { input } = route.entry.spec.method;
  // `curl -X POST` on a request without fields sends nothing at all.
  if (content.length === 0 && contentType === undefined) return create(input);
  let text: string;
  try {
    text = strictUtf8.decode(content);
  } catch {
    throw malformed(`the body is not UTF-8${hint(route)}`);
  }
  try {
    const body = JSON.parse(text) as JsonValue;
    const name = route.body === "all" ? undefined : (route.body as { name: string }).name;
    checkJson(input, name === undefined ? body : { [name]: body }, listLimits);
    // From the text, in which protobuf-es finds repeated names.
    const json = name === undefined ? text : `{${JSON.stringify(name)}:${text}}`;
    return fromJsonString(input, json, { registry });
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    throw malformed(`the body is not JSON of ${input.typeName}: ${describeJsonFault(error)}${hint(route)}`);
  }
}

function hint(route: BoundRule): string {
  return route.convention.jsonHint === undefined ? "" : `. ${route.convention.jsonHint}`;
}

function dotted(fields: FieldPath): string {
  return fields.map((field) => field.name).join(".");
}

function malformed(message: string): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
}
