import { randomUUID } from "node:crypto";
import type { HandlerContext } from "@connectrpc/connect";
import { requestHeader } from "./request-header.ts";
import { parseTraceparent } from "./trace-context.ts";

/** What an id of a caller may look like, so that it can stand in a log. */
const idPattern = /^[\w.:/+=-]{1,128}$/;

/** Those of calls that Connect's library serves. */
const ids = new WeakMap<HandlerContext, string>();

/** The context of our own calls has it as a field: an entry of a map would cost each call that is logged. */
export interface ContextWithRequestId extends HandlerContext {
  requestId: string | undefined;
}

/**
 * The id under which a call is found in logs: that of its trace or its `x-request-id`, where the caller or a proxy has sent
 * one, and otherwise a new one. Always the same for a call.
 */
export function requestIdOf(context: HandlerContext): string {
  const own = "requestId" in context ? (context as ContextWithRequestId) : undefined;
  let id = own === undefined ? ids.get(context) : own.requestId;
  if (id === undefined) {
    id = readRequestId((name) => requestHeader(context, name));
    if (own === undefined) ids.set(context, id);
    else own.requestId = id;
  }
  return id;
}

/** The same for a request that has no context; a new id differs from call to call. */
export function readRequestId(header: (name: string) => string | undefined): string {
  const given = header("x-request-id");
  if (given !== undefined && idPattern.test(given)) return given;
  const traceparent = header("traceparent");
  const trace = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return trace?.traceId ?? randomUUID();
}
