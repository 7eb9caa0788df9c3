import { type Message, type Registry, toJson } from "@bufbuild/protobuf";
import type { BoundRule } from "./http-rule.ts";

/** A response as JSON, or that field of it which its HTTP rule makes the body. */
export function toResponseJson(
  { entry, responseBody }: BoundRule,
  message: Message,
  registry: Registry,
): string {
  const options = { alwaysEmitImplicit: true, registry };
  if (responseBody?.fieldKind === "message" && responseBody.oneof === undefined) {
    const part = (message as unknown as Record<string, Message | undefined>)[responseBody.localName];
    return JSON.stringify(part === undefined ? null : toJson(responseBody.message, part, options));
  }
  const json = toJson(entry.spec.method.output, message, options);
  if (responseBody === undefined) return JSON.stringify(json);
  return JSON.stringify((json as Record<string, unknown>)[responseBody.jsonName] ?? null);
}
