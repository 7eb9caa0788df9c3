import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Span } from "./span.ts";

/** Where calls that Connect's library serves keep their span. */
const spanKey = createContextKey<Span | undefined>(undefined);

/** The context of our own calls has it as a field: a map of values would cost each call. */
export interface ContextWithSpan extends HandlerContext {
  span: Span | undefined;
}

/** The span of a call; undefined when it is not traced. */
export function spanOf(context: HandlerContext): Span | undefined {
  return "span" in context ? (context as ContextWithSpan).span : context.values.get(spanKey);
}

export function setSpan(context: HandlerContext, span: Span): void {
  if ("span" in context) (context as ContextWithSpan).span = span;
  else context.values.set(spanKey, span);
}
