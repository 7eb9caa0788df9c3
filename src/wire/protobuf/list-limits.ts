import type { DescMessage } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";

/** How many elements the lists of a message may have together. */
export interface ListLimit {
  readonly elementsMax: number;
  /** What the caller is told. */
  readonly message: string;
}

/** By the full name of the message. A message that is not named here has no limit of its own. */
export type ListLimits = ReadonlyMap<string, ListLimit>;

/** Throws TOO_MANY_OPERATIONS. `json` is what JSON.parse makes of a message. */
export function checkListsOfJson(message: DescMessage, json: unknown, limits: ListLimits): void {
  const limit = limits.get(message.typeName);
  if (limit === undefined || typeof json !== "object" || json === null) return;
  let elements = 0;
  for (const { fieldKind, name, jsonName } of message.fields) {
    if (fieldKind !== "list") continue;
    for (const key of new Set([name, jsonName])) {
      const list = (json as Record<string, unknown>)[key];
      if (Array.isArray(list)) elements += list.length;
    }
  }
  if (elements > limit.elementsMax) throw tooManyElements(limit);
}

export function tooManyElements({ message }: ListLimit): ConnectError {
  return wireError(Code.InvalidArgument, "TOO_MANY_OPERATIONS", message);
}
