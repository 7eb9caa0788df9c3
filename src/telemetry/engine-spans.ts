import type { CallSpan, EngineTracer } from "../database.ts";
import { childSpan, type Span, timeOf } from "./span.ts";

/**
 * Makes spans of what traced calls wait for in the engine. An append has one span, however many calls share it: below that
 * of the first one, with links to them.
 */
export class EngineSpans implements EngineTracer {
  readonly #export: (span: Span) => void;

  constructor(exportSpan: (span: Span) => void) {
    this.#export = exportSpan;
  }

  waited(call: CallSpan, what: "queue" | "barrier", begin: number, end: number): void {
    const span = childSpan(call, what, "internal", begin, []);
    span.endTime = timeOf(end);
    this.#export(span);
  }

  appended(calls: readonly CallSpan[], begin: number, end: number, outcome: string): void {
    const span = childSpan(calls[0] as CallSpan, "append", "internal", begin, calls);
    span.endTime = timeOf(end);
    span.attributes["duetkv.outcome"] = outcome;
    span.failed = outcome !== "appended" && outcome !== "conflict";
    this.#export(span);
  }
}
