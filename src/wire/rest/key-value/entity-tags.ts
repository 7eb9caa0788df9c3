import type { IncomingHttpHeaders } from "node:http";
import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { type Precondition, PreconditionSchema } from "../../../../gen/duetkv/v1/key_value_pb.ts";
import { wireError } from "../../wire-error.ts";
import { parseRevision } from "./revision.ts";

/** The entity tag of an entry: its revision. */
export function toEntityTag(revision = 0n): string {
  return `"${revision}"`;
}

/** Whether a write comes with a precondition in its headers. */
export function hasPreconditionHeader(headers: IncomingHttpHeaders): boolean {
  return headers["if-match"] !== undefined || headers["if-none-match"] !== undefined;
}

/**
 * The precondition that the headers of a write state; undefined when they state none. Throws PRECONDITION_INVALID for
 * what cannot be one: both headers, several tags, weak ones, tags that we never gave.
 */
export function readPrecondition(headers: IncomingHttpHeaders): Precondition | undefined {
  const ifMatch = headers["if-match"]?.trim();
  const ifNoneMatch = headers["if-none-match"]?.trim();
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw invalid("If-Match and If-None-Match exclude each other");
  }
  if (ifMatch === "*") return create(PreconditionSchema, { condition: { case: "exists", value: true } });
  if (ifNoneMatch === "*") return create(PreconditionSchema, { condition: { case: "exists", value: false } });
  if (ifMatch === undefined) throw invalid("If-None-Match of a write can only be *");
  const revision = parseRevision(/^"([1-9]\d*)"$/.exec(ifMatch)?.[1]);
  if (revision === undefined)
    throw invalid('If-Match must be * or one strong entity tag of ours, such as "7"');
  return create(PreconditionSchema, { condition: { case: "revision", value: revision } });
}

/** Whether If-None-Match of a read names the entry as it is: `*`, or its tag in a list, also a weak one. */
export function isNotModified(ifNoneMatch: string | undefined, revision?: bigint): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const tag = toEntityTag(revision);
  return ifNoneMatch.split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === tag);
}

function invalid(message: string): ConnectError {
  return wireError(Code.InvalidArgument, "PRECONDITION_INVALID", message);
}
