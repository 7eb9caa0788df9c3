import type { CallSpan, EngineTracer } from "../database.ts";
import { type Span, timeOf } from "./span.ts";
import { createSpanId } from "./trace-context.ts";

/**
 * Makes spans of what traced calls wait for in the engine. An append has one span, however many calls share it: below that
 * of the first one, with links to all of them.
 */
export class EngineSpans implements EngineTracer {
  readonly #export: (span: Span) => void;

  constructor(exportSpan: (span: Span) => void) {
    this.#export = exportSpan;
  }

  waited(call: CallSpan, what: "queue" | "barrier", begin: number, end: number): void {
    this.#export(child(call, what, begin, end, {}, []));
  }

  appended(calls: readonly CallSpan[], begin: number, end: number, outcome: string): void {
    const span = child(calls[0] as CallSpan, "append", begin, end, { "duetkv.outcome": outcome }, calls);
    span.failed = outcome !== "appended" && outcome !== "conflict";
    this.#export(span);
  }
}

function child(
  { traceId, spanId, traceState }: CallSpan,
  name: string,
  begin: number,
  end: number,
  attributes: Span["attributes"],
  links: Span["links"],
): Span {
  return {
    traceId,
    spanId: createSpanId(),
    parentSpanId: spanId,
    traceState,
    name,
    kind: "internal",
    startTime: timeOf(begin),
    endTime: timeOf(end),
    attributes,
    links,
    failed: false,
  };
}
