import { DuetError } from "../errors.ts";
import type { Identity } from "./identity.ts";
import type { KeyRight, ServerRight } from "./right.ts";
import type { Range } from "./rights.ts";

/** Prefixes that an error names. */
const prefixesMax = 16;
/** Rights come before the check of a key's length: an error must not carry a megabyte. */
const keyLengthMax = 1024;

// Each throws RIGHT_MISSING; for a caller without credentials CREDENTIALS_MISSING, since a token may be all that is missing.

export function requireKey(identity: Identity, right: KeyRight, key: string): void {
  if (!identity.rights.allowsKey(right, key)) throw rightMissing(identity, right, { key });
}

export function requireRange(identity: Identity, right: KeyRight, range: Range): void {
  if (identity.rights.allowsRange(right, range)) return;
  const { prefix, start, end } = range;
  throw rightMissing(
    identity,
    right,
    prefix === "" && start + end !== "" ? { prefix: commonPrefix(start, end) } : { prefix },
  );
}

export function requireServer(identity: Identity, right: ServerRight): void {
  if (!identity.rights.server.has(right)) throw rightMissing(identity, right, {});
}

/** For what every identity may do. Throws CREDENTIALS_MISSING. */
export function requireKnown({ known }: Identity): void {
  if (!known) throw credentialsMissing();
}

function credentialsMissing(): DuetError {
  return new DuetError("CREDENTIALS_MISSING", "the call needs a token or a client certificate");
}

function rightMissing(
  identity: Identity,
  right: KeyRight | ServerRight,
  where: { readonly key?: string; readonly prefix?: string },
): DuetError {
  if (identity.via === "anonymous") return credentialsMissing();
  const prefixes = (effect: "allow" | "deny") =>
    JSON.stringify(identity.rights.prefixesOf(right as KeyRight, effect).slice(0, prefixesMax));
  const ofKeys = where.key !== undefined || where.prefix !== undefined;
  const metadata = {
    right,
    ...(where.key !== undefined && { key: where.key.slice(0, keyLengthMax) }),
    ...(where.prefix !== undefined && { prefix: where.prefix.slice(0, keyLengthMax) }),
    identity: identity.name,
    ...(ofKeys && { permitted_prefixes: prefixes("allow"), denied_prefixes: prefixes("deny") }),
  };
  const what = where.key !== undefined ? " to the key" : ofKeys ? " to all keys of the range" : "";
  const message = `the right ${JSON.stringify(right)}${what} is missing`;
  return new DuetError("RIGHT_MISSING", message, { metadata });
}

function commonPrefix(start: string, end: string): string {
  let length = 0;
  while (length < start.length && start[length] === end[length]) length++;
  return start.slice(0, length);
}
