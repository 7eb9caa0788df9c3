import type { HandlerContext } from "@connectrpc/connect";

/** A context that finds a header without copying all of them. */
interface DirectContext {
  header(name: string): string | undefined;
}

/** One header of a request, by its name in lower case; undefined when there is none. */
export function requestHeader(context: HandlerContext, name: string): string | undefined {
  if ("header" in context) return (context as unknown as DirectContext).header(name);
  return context.requestHeader.get(name) ?? undefined;
}
