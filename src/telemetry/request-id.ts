import { randomUUID } from "node:crypto";
import type { HandlerContext } from "@connectrpc/connect";
import { requestHeader } from "./request-header.ts";
import { parseTraceparent } from "./trace-context.ts";

/** What an id of a caller may look like, so that it can stand in a log. */
const idPattern = /^[\w.:/+=-]{1,128}$/;

const ids = new WeakMap<HandlerContext, string>();

/**
 * The id under which a call is found in logs: that of its trace or its `x-request-id`, where the caller or a proxy has sent
 * one, and otherwise a new one. Always the same for a call.
 */
export function requestIdOf(context: HandlerContext): string {
  let id = ids.get(context);
  if (id === undefined) {
    const given = requestHeader(context, "x-request-id");
    const traceparent = requestHeader(context, "traceparent");
    const trace = traceparent === undefined ? undefined : parseTraceparent(traceparent);
    id = given !== undefined && idPattern.test(given) ? given : (trace?.traceId ?? randomUUID());
    ids.set(context, id);
  }
  return id;
}
